import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'

test('a browser can load the metrics: nothing of Node, no package but the stemmer, only data, metrics, errors and random numbers', () => {
  const root = join(import.meta.dirname, '..')
  const reached = new Set<string>()
  const follow = (file: string): void => {
    if (reached.has(file)) return
    reached.add(file)
    const source = readFileSync(file, 'utf8').replace(/^(?:import|export) type .*?from '.*?'/gms, '')
    for (const [, from = ''] of source.matchAll(/(?:from|import) ?\(?'([^']+)'/g)) {
      if (from === 'porter2') continue
      expect(from, file).toMatch(/^\.\.?\//)
      follow(join(file, '..', from.replace(/\.js$/, '.ts')))
    }
  }
  follow(join(root, 'metrics/index.ts'))
  expect(reached.size).toBeGreaterThan(10)
  for (const file of reached)
    expect(relative(root, file)).toMatch(/^(?:data|metrics)\/|^(?:errors|random)\.ts$/)
})
