import { readFile, rename, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { FeatureStore } from '../data/feature-store.js'
import { writeForeign } from '../decoder/fixtures/encoders.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { inProcess, interruptAtWork, run } from './fixtures/commands.js'
import { drawPhotos } from './fixtures/photos.js'
import { register } from './prepare.js'

const ENCODER = 'vgg16-conv5-eighth'
const { refusalOf } = inProcess(register)

const folder = temporaryFolder('prepare')
const at = (name: string): string => join(folder, name)
const prepare = (out: string, folders: readonly string[], ...more: string[]): string[] => [
  ...['prepare', ...folders.map(at), '--encoder', ENCODER],
  ...['--weights', at('weights.safetensors'), '--out', at(out), ...more],
]
beforeAll(async () => {
  await writeForeign(at('weights.safetensors'), ENCODER)
  await drawPhotos(at('many'), 80)
  await drawPhotos(at('few'), 2)
  for (const photo of [1, 2]) await rename(at(`few/${photo}.jpg`), at(`few/other-${photo}.jpg`))
})

it('interrupted, says so and stops at once; the same command goes on', async () => {
  // Views make the work so long that the interrupt comes within it.
  const command = prepare('stopped', ['many', 'few'], '--views', '4')
  const said = await interruptAtWork(command, at('stopped/keys.txt'))
  expect(said).toMatch(new RegExp(`stopped in ${at('many')} after \\d+ of 320; the same command goes on\\n$`))
  expect(said).not.toContain(at('few'))
  expect(await readFile(at('stopped/keys.txt'), 'utf8')).not.toContain('other')
  await run(command)
  const store = FeatureStore.open(at('stopped'))
  expect(store.size).toBe(4 * 82)
  store.close()
})

it('goes on past photos that cannot be kept, at any depth, and says so', async () => {
  await drawPhotos(at('strange/2019'), 3)
  await rename(at('strange/2019/1.jpg'), at('strange/two\nlines.jpg'))
  await rename(at('strange/2019/3.jpg'), at('strange/3.jpg'))
  await writeFile(at('strange/torn.jpg'), 'no photo')
  await symlink('gone', at('strange/2019/gone.jpg'))
  const command = prepare('strange-features', ['strange'])
  const said = await run(command, [1])
  for (const name of ['two\nlines.jpg', 'torn.jpg', '2019/gone.jpg'])
    expect(said).toContain(`skipped ${at(`strange/${name}`)}: `)
  expect(said).not.toContain('newer')
  const store = FeatureStore.open(at('strange-features'))
  expect(store.keysInOrder).toEqual(['2019/2.jpg', '3.jpg'])
  store.close()
  await utimes(at('strange/2019/2.jpg'), 2e9, 2e9)
  // Told again as long as nothing is added.
  for (let again = 0; again < 2; again++)
    expect(await run(command, [1])).toContain(
      `1 of 4 photos are newer than ${at('strange-features')}; another --out takes them anew\n`,
    )
})

it('refuses folders that have a photo of one name, before anything is made', async () => {
  await drawPhotos(at('again'), 3)
  expect(await refusalOf(prepare('mixed', ['few', 'again', 'many']))).toContain(
    `Expected photos with different names for one feature store but received ["${at('again/1.jpg')}", "${at('many/1.jpg')}"]`,
  )
  expect(() => FeatureStore.open(at('mixed'))).toThrow('but found none')
})

it('refuses a photo that is given twice, by a folder and by one in it', async () => {
  await drawPhotos(at('album/2019'), 1)
  const photo = at('album/2019/1.jpg')
  expect(await refusalOf(prepare('twice', ['album', 'album/2019']))).toContain(
    `Expected each photo once for one feature store but received ["${photo}", "${photo}"]`,
  )
  expect(() => FeatureStore.open(at('twice'))).toThrow('but found none')
})

it.each(['0', 'many', '1.5'])('refuses %s views', async (views) => {
  expect(await refusalOf(prepare('views', ['few'], '--views', views))).toContain(
    `INVALID_ARGUMENT: Expected a positive integer for --views but received "${views}"`,
  )
})
