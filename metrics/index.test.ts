import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { build } from 'esbuild'
import { expect, expectTypeOf, test } from 'vitest'
import * as sources from './index.js'
import type { MeteorOptions } from './meteor/resources.js'

const ROOT = join(import.meta.dirname, '..')

/** A browser's bundle; esbuild fails on whatever a browser has not, the modules of Node among it. */
const { outputFiles, metafile } = await build({
  entryPoints: [join(ROOT, 'metrics/index.ts')],
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'browser',
  format: 'iife',
  globalName: 'metrics',
  write: false,
  metafile: true,
  logLevel: 'silent',
})

test('a browser bundles the metrics with no package but the stemmer, and of ours data, metrics, errors and random numbers', () => {
  const files = Object.keys(metafile.inputs)
  expect(files.length).toBeGreaterThan(10)
  for (const file of files)
    expect(file).toMatch(/^(?:node_modules\/porter2|data|metrics)\/|^(?:errors|random)\.ts$/)
})

test('what finds the references of captions is for browsers too', async () => {
  const entryPoints = [join(ROOT, 'metrics/candidates.ts')]
  const options = {
    entryPoints,
    bundle: true,
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  } as const
  await expect(build(options)).resolves.toMatchObject({ errors: [] })
})

test('the bundle scores as the sources do where there is nothing but the language: no process, no require, no Buffer', () => {
  const scored = ({
    createMeteor,
    indexSynonyms,
    scoreCaptions,
    scoreObjects,
    bootstrapIntervals,
  }: typeof sources): string => {
    const synonyms = indexSynonyms({ groups: ['dog hound'], inflections: [] })
    const meteor = createMeteor({ functionWords: new Set(['a', 'the']), synonyms })
    const candidates = ['A dog runs on the beach.', 'two men 😀']
    const references = [['A hound is running!', 'dogs at a beach'], ['Two men stand.']]
    const scores = scoreCaptions(candidates, references, { meteor })
    return JSON.stringify([scores, bootstrapIntervals(scores), scoreObjects([['dog']], [[['cat']]])])
  }
  const inBrowser = runInNewContext(`${outputFiles[0]?.text}; (${scored})(metrics)`, {})
  expect(inBrowser).toBe(scored(sources))
  expect(inBrowser).toContain('METEOR')
})

test("what is wrong is told by the bundle's own ShowtellError", () => {
  const thrown = ({ scoreCaptions, ShowtellError }: typeof sources): string => {
    try {
      return JSON.stringify(scoreCaptions(['a'], []))
    } catch (error) {
      return error instanceof ShowtellError ? `${error.code} ${error.where}` : `${error}`
    }
  }
  const inBrowser = runInNewContext(`${outputFiles[0]?.text}; (${thrown})(metrics)`, {})
  expect(inBrowser).toBe('INVALID_ARGUMENT references')
})

test('of the package, a bundle takes what it uses: BLEU needs neither METEOR nor objects nor the stemmer', async () => {
  const { metafile } = await build({
    stdin: { contents: "export { scoreBleu } from 'showtell/metrics'", resolveDir: ROOT },
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'browser',
    format: 'esm',
    outfile: 'bleu.js',
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  const used = Object.entries(metafile.outputs['bleu.js']!.inputs).filter(
    ([, { bytesInOutput }]) => bytesInOutput > 0,
  )
  const files = used.map(([file]) => file)
  expect(files).toContain('dist/metrics/bleu.js')
  expect(files.filter((file) => /porter2|meteor|object|gender|bootstrap/.test(file))).toEqual([])
})

test('an option that is not given may be undefined', () => {
  type Undefined<T> = { [K in keyof T]-?: T[K] | undefined }
  expectTypeOf<Undefined<sources.ScoreOptions>>().toExtend<sources.ScoreOptions>()
  expectTypeOf<Undefined<sources.BootstrapOptions>>().toExtend<sources.BootstrapOptions>()
  expectTypeOf<Undefined<MeteorOptions>>().toExtend<MeteorOptions>()
})
