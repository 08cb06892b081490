import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../temporary.test.folder.js'
import { createMeteor } from './meteor.js'
import { loadMeteorResources } from './resources.js'
import { indexSynonyms } from './synonyms.js'

const folder = temporaryFolder('meteor')

test('the package exports the tables, which a browser unpacks by itself', async () => {
  const { resolve } = createRequire(import.meta.url)
  const read = (name: string) => readFile(resolve(`showtell/metrics/meteor/data/${name}`))
  const words = await read('function-words.txt')
  const wordnet = new Blob([await read('wordnet.json.gz')]).stream()
  const table = new Response(wordnet.pipeThrough(new DecompressionStream('gzip')))
  const fetched = createMeteor({
    functionWords: new Set(words.toString().split('\n')),
    synonyms: indexSynonyms((await table.json()) as Parameters<typeof indexSynonyms>[0]),
  })
  const loaded = createMeteor(await loadMeteorResources())
  const candidates = [['a', 'hound', 'is', 'on', 'the', 'beach'], ['mice']]
  const references = [[['dogs', 'run', 'on', 'a', 'beach']], [['a', 'mouse'], ['rats']]]
  const { perImage } = fetched.score(candidates, references)
  expect(perImage).toEqual(loaded.score(candidates, references).perImage)
  expect(Math.min(...perImage)).toBeGreaterThan(0)
})

test('says what to do where a bundler has left the tables behind', async () => {
  const outfile = join(folder, 'bundle.mjs')
  const entryPoints = [join(import.meta.dirname, 'resources.ts')]
  await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'silent' })
  const bundled: { loadMeteorResources: typeof loadMeteorResources } = await import(
    pathToFileURL(outfile).href
  )
  // Two files are missing; either may be told of.
  await expect(bundled.loadMeteorResources()).rejects.toMatchObject({
    name: 'ShowtellError',
    code: 'NOT_FOUND',
    where: expect.stringContaining(join(folder, 'data')),
    message: expect.stringMatching(
      /^Expected \S+ of showtell at .+ but found none; keep showtell external when bundling$/,
    ),
  })
})
