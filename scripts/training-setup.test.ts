import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { FeatureStore } from '../data/feature-store.js'
import { Vocabulary } from '../data/vocabulary.js'
import { readSets, storedPhotos } from './training-setup.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'setup-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function captions(name: string, lines: readonly object[]): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, lines.map((line) => JSON.stringify(line)).join('\n'))
  return `plain=${path}`
}

it('gives words that a vocabulary can hold, whatever white space their tokens have', async () => {
  const said = [['a cake with 1 1/2 candles'], ['call 555 123 4567'], ['a <unk> on a <br  />']]
  const data = await captions(
    'spaces.jsonl',
    said.map((one, i) => ({ file: `${i + 1}.jpg`, captions: one })),
  )
  const { train } = await readSets([data], { path: 'photos', keyOf: (file) => file })
  const words = train.map((example) => example.captions[0]!)
  expect(words).toEqual([
    ['a', 'cake', 'with', '1', '1/2', 'candles'],
    ['call', '555', '123', '4567'],
    ['a', '<unk>', 'on', 'a', '<br', '/>'],
  ])
  const vocabulary = Vocabulary.build(words, { minimumCount: 1, styles: ['plain'] })
  expect(vocabulary.decode(vocabulary.encode(words[2]!))).toEqual(words[2])
  expect(vocabulary.size - vocabulary.firstWord).toBe(new Set(words.flat()).size - 1)
})

it('finds features of a photo whose name has its accents otherwise', async () => {
  const [whole, apart] = ['caf\u00e9.jpg', 'cafe\u0301.jpg'] as const
  for (const [stored, named] of [
    [whole, apart],
    [apart, whole],
  ] as const) {
    const range: [number, number] = [0, 1]
    const header = { encoder: 'none', weights: 'none', regions: 1, channels: 1, range }
    const store = FeatureStore.create(await mkdtemp(join(folder, 'store-')), header)
    store.append(stored, Float32Array.of(0))
    expect(storedPhotos(store).keyOf(`photos/${named}`, 'plain')).toBe(stored)
    expect(storedPhotos(store).keyOf('photos/cafe.jpg', 'plain')).toBeUndefined()
    store.close()
  }
})
