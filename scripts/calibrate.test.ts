import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { readBundle, writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { register } from './calibrate.js'
import { inProcess, run } from './fixtures/commands.js'
import { drawPhotos } from './fixtures/photos.js'

const { refusalOf } = inProcess(register)

const folder = temporaryFolder('calibrate')
const at = (name: string): string => join(folder, name)
const calibrate = (data: string, images = `plain=${at('photos')}`): string[] => [
  ...['calibrate', '--bundle', at('bundle'), '--data', `plain=${at(data)}`, '--images', images],
]
/** Nothing of what the bundle says, and all of it. */
const [NOTHING, ALL] = ['a dog and a cat', 'a girl with a cup on a table, a street, a beach, a tree and snow']
/** Captions of photos with an even number are right, the others wrong. */
const write = (name: string, photos: readonly [file: string, split: string][]): Promise<void> => {
  const lines = photos.map(([file, split]) =>
    JSON.stringify({ file, split, captions: [/[24]\.jpg$/.test(file) ? ALL : NOTHING] }),
  )
  return writeFile(at(name), lines.join('\n'))
}
beforeAll(async () => {
  await writeBundle(at('bundle'), tinyContent())
  await drawPhotos(at('photos'), 4)
})

it('writes what it fitted into the bundle', async () => {
  await write('whole.jsonl', [
    ['1.jpg', 'train'],
    ['2.jpg', 'val'],
    ['3.jpg', 'val'],
    ['4.jpg', 'val'],
  ])
  expect(await run(calibrate('whole.jsonl'))).toMatch(
    /^only 3 validation photos: of fewer than 100 the confidence and its figures say little$/m,
  )
  expect((await readBundle(at('bundle'))).config.confidence!.calibration).toContain('3 validation photos')
})

it('leaves out a photo that cannot be read', async () => {
  await write('some.jsonl', [
    ['1.jpg', 'train'],
    ['nowhere.jpg', 'val'],
    ['photos/3.jpg', 'val'],
    ['4.jpg', 'val'],
  ])
  expect(await run(calibrate('some.jsonl'))).toMatch(/^left out: .*nowhere\.jpg/m)
  expect((await readBundle(at('bundle'))).config.confidence!.calibration).toContain('2 validation photos')
})

it('leaves out a photo with fewer than half as many captions as most', async () => {
  const captions = [[NOTHING], ...[NOTHING, ALL, ALL].map((said) => Array<string>(3).fill(said))]
  const lines = captions.map((said, i) =>
    JSON.stringify({ file: `${i + 1}.jpg`, split: 'val', captions: said }),
  )
  await writeFile(at('few.jsonl'), lines.join('\n'))
  expect(await run(calibrate('few.jsonl'))).toContain('1 of 4 photos of plain are left out')
  expect((await readBundle(at('bundle'))).config.confidence!.calibration).toContain('3 validation photos')
})

it('finds photos in folders of the folder, as prepare and train do', async () => {
  await drawPhotos(at('albums/2019'), 2)
  await write('folders.jsonl', [
    ['1.jpg', 'val'],
    ['albums\\2019\\2.jpg', 'val'],
  ])
  await run(calibrate('folders.jsonl', `plain=${at('albums')}`))
  expect((await readBundle(at('bundle'))).config.confidence!.calibration).toContain('2 validation photos')
})

it('refuses two photos of which the folder has one', async () => {
  await write('two.jsonl', [
    ['a/1.jpg', 'val'],
    ['b/1.jpg', 'val'],
  ])
  expect(await refusalOf(calibrate('two.jsonl'))).toContain(
    `INVALID_DATA: Expected a/1.jpg and b/1.jpg as two photos for ${at('photos')} but received "1.jpg alone"`,
  )
})

it.each([
  ['1.jpg', '3.jpg', '0 right, 2 wrong'],
  ['2.jpg', '4.jpg', '2 right, 0 wrong'],
])('writes nothing where all captions are right, or none', async (first, second, received) => {
  const before = await readFile(at('bundle/config.json'), 'utf8')
  await write('alike.jsonl', [
    [first, 'val'],
    [second, 'val'],
  ])
  expect(await run(calibrate('alike.jsonl'), [1])).toContain(
    `INVALID_DATA: Expected captions with right objects alone and others for the validation photos but received "${received}"`,
  )
  expect(await readFile(at('bundle/config.json'), 'utf8')).toBe(before)
})

it('ends, and writes nothing, when no photo can be read', async () => {
  const before = await readFile(at('bundle/config.json'), 'utf8')
  await write('missing.jsonl', [
    ['1.jpg', 'train'],
    ['nowhere.jpg', 'val'],
  ])
  expect(await run(calibrate('missing.jsonl'), [1])).toContain('nowhere.jpg')
  expect(await readFile(at('bundle/config.json'), 'utf8')).toBe(before)
})

it('writes nothing where no photo is held out, or the folder has no style', async () => {
  const before = await readFile(at('bundle/config.json'), 'utf8')
  await write('none.jsonl', [['1.jpg', 'train']])
  expect(await refusalOf(calibrate('none.jsonl'))).toContain(
    'INVALID_DATA: Expected validation photos for --data but received "none"',
  )
  expect(await refusalOf(calibrate('none.jsonl', at('photos')))).toContain(
    `INVALID_ARGUMENT: Expected style=folder for --images but received`,
  )
  expect(await readFile(at('bundle/config.json'), 'utf8')).toBe(before)
})

it('refuses the name of a bundle that ships before it looks at anything else', async () => {
  const named = [
    'calibrate',
    '--bundle',
    'showtell-base',
    '--data',
    'plain=nowhere',
    '--images',
    'plain=nowhere',
  ]
  expect(await refusalOf(named)).toMatch(
    /^INVALID_ARGUMENT: Expected a bundle of your own for --bundle but received "showtell-base", [^\n]* copy \S*showtell-base first\n$/,
  )
})
