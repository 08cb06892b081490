import { copyFile, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { FeatureStore } from '../data/feature-store.js'
import { RANDOM_ENCODERS } from '../decoder/fixtures/encoders.js'
import { writeSafetensors } from '../engine/safetensors.js'
import { interruptAtWork, run } from './fixtures/commands.js'
import { drawPhotos } from './fixtures/photos.js'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 })

let folder: string
const at = (name: string): string => join(folder, name)
const prepare = (out: string, folders: readonly string[], ...more: string[]): string[] => [
  ...['prepare', ...folders.map(at), '--encoder', 'efficientnet-lite0'],
  ...['--weights', at('weights.safetensors'), '--out', at(out), ...more],
]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prepare-'))
  const { foreign } = RANDOM_ENCODERS['efficientnet-lite0']!()
  const tensors = [...foreign].map(([name, { shape, data }]) => ({ name, type: 'F32' as const, shape, data }))
  await writeSafetensors(at('weights.safetensors'), tensors)
  await drawPhotos(at('many'), 80)
  await drawPhotos(at('few'), 2)
  for (const photo of [1, 2]) await rename(at(`few/${photo}.jpg`), at(`few/other-${photo}.jpg`))
})
afterAll(() => rm(folder, { recursive: true }))

it('interrupted, says so and stops at once; the same command goes on', async () => {
  const command = prepare('stopped', ['many', 'few'])
  const said = await interruptAtWork(command, at('stopped/keys.txt'))
  expect(said).toMatch(new RegExp(`stopped in ${at('many')} after \\d+ of 80; the same command goes on\\n$`))
  expect(said).not.toContain(at('few'))
  expect(await readFile(at('stopped/keys.txt'), 'utf8')).not.toContain('other')
  await run(command)
  const store = FeatureStore.open(at('stopped'))
  expect(store.size).toBe(82)
  store.close()
})

it('ends when a photo cannot be kept', async () => {
  await drawPhotos(at('strange'), 1)
  await copyFile(at('strange/1.jpg'), at('strange/two\nlines.jpg'))
  expect(await run(prepare('strange-features', ['strange']), [1])).toContain('Expected a new key of one line')
})

it('refuses folders that have a photo of one name, before anything is made', async () => {
  await drawPhotos(at('again'), 3)
  expect(await run(prepare('mixed', ['few', 'again', 'many']), [1])).toContain(
    `Expected photos with different names for one feature store but received ["${at('again/1.jpg')}", "${at('many/1.jpg')}"]`,
  )
  expect(() => FeatureStore.open(at('mixed'))).toThrow('but found none')
})

it.each(['0', 'many', '1.5'])('refuses %s views', async (views) => {
  expect(await run(prepare('views', ['few'], '--views', views), [1])).toContain(
    `INVALID_ARGUMENT: Expected a positive integer for --views but received "${views}"`,
  )
})
