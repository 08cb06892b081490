import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { FeatureStore } from '../data/feature-store.js'
import { Vocabulary } from '../data/vocabulary.js'
import { StoredFeatures } from '../decoder/photo-features.js'
import { dataSum } from '../engine/training-state.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { PhotoFolders, readSets, storedPhotos } from './training-photos.js'

const folder = temporaryFolder('training-photos')

async function captions(name: string, lines: readonly object[], style = 'plain'): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, lines.map((line) => JSON.stringify(line)).join('\n'))
  return `${style}=${path}`
}

function newStore(keys: readonly string[]): FeatureStore {
  const range: [number, number] = [0, 1]
  const header = { encoder: 'none', weights: 'none', regions: 1, channels: 1, range }
  const store = FeatureStore.create(temporaryFolder('store', onTestFinished), header)
  for (const [i, key] of keys.entries()) store.append(key, Float32Array.of(i / keys.length))
  return store
}

it('gives words that a vocabulary can hold, whatever white space their tokens have', async () => {
  const said = [['a cake with 1 1/2 candles'], ['call 555 123 4567'], ['a <unk> on a <br  />']]
  const lines = said.map((one, i) => ({ file: `${i + 1}.jpg`, captions: one }))
  const data = await captions('spaces.jsonl', [...lines, { file: '4.jpg', caption: 'a dog', split: 'val' }])
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

it('leaves out a photo of whose captions no word is left, and tells of no other reason', async () => {
  const data = await captions('wordless.jsonl', [
    { file: '1.jpg', captions: ['a dog'], split: 'train' },
    { file: '2.jpg', captions: ['&nbsp;'], split: 'train' },
    { file: '3.jpg', captions: ['a cat', 'Ⅷ'], split: 'val' },
    { file: '4.jpg', captions: ['&nbsp;'], split: 'val' },
  ])
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const { train, validation } = await readSets([data], { path: 'photos', keyOf: (file) => file })
  expect(train).toEqual([{ key: '1.jpg', style: 'plain', captions: [['a', 'dog']] }])
  expect(validation).toEqual([{ key: '3.jpg', style: 'plain', captions: [['a', 'cat']] }])
  expect(said.mock.calls.map(([text]) => text)).toEqual(
    [2, 4].map(
      (id) => `left out: Expected a caption with words for ${id}.jpg of plain but received ["&nbsp;"]\n`,
    ),
  )
  said.mockRestore()
})

it('says what to do where no photo is to validate with, or none to train on', async () => {
  const lines = ['a.jpg', 'b.jpg', 'c.jpg'].map((file) => ({ file, caption: 'a dog' }))
  const photos = { path: 'photos', keyOf: (file: string) => file }
  const few = await captions('few.jsonl', lines)
  await expect(readSets([few], photos)).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message: `Expected photos of split val, or more photos, for ${few} but received "none to validate with beside 3 to train on"`,
  })
  // Another set may have some.
  const more = await captions('more.jsonl', [{ file: '13.jpg', caption: 'a cat' }])
  expect(await readSets([few, more], photos)).toMatchObject({ validation: [{ key: '13.jpg' }] })
  await expect(readSets([more], photos)).rejects.toThrow(
    `Expected photos to train on for ${more} but received "none"`,
  )
})

it('leaves out missing photos of a file that nothing is trained on of, unless all are missing', async () => {
  const files = ['1.jpg', '2.jpg', '3.jpg']
  const lines = files.map((file) => ({ file, caption: 'a dog', split: file === '1.jpg' ? 'train' : 'val' }))
  const data = [await captions('train.jsonl', lines.slice(0, 1)), await captions('val.jsonl', lines.slice(1))]
  const reading = (known: readonly string[]) =>
    readSets(data, { path: 'photos', keyOf: (file) => (known.includes(file) ? file : undefined) })
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  expect(await reading(['1.jpg', '2.jpg'])).toMatchObject({
    train: [{ key: '1.jpg' }],
    validation: [{ key: '2.jpg' }],
  })
  expect(said.mock.calls).toEqual([
    [
      'left out: Expected every photo that has captions, also 3.jpg, for photos but received "1 of plain less"\n',
    ],
  ])
  said.mockRestore()
  await expect(reading(['1.jpg'])).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message:
      'Expected every photo that has captions, also 2.jpg, 3.jpg, for photos but received "2 of plain less"',
  })
})

it('names the first photos that are missing, and those that are there but for capitals', async () => {
  const names = Array.from({ length: 7 }, (_, i) => `IMG_${i}.jpg`)
  const missing = 'IMG_0.jpg (there as a/IMG_0.JPG), IMG_1.jpg, IMG_2.jpg, IMG_3.jpg, IMG_4.jpg and 2 more'
  const said = await captions(
    'capitals.jsonl',
    names.map((file) => ({ file, caption: 'a dog', split: 'train' })),
  )
  await mkdir(join(folder, 'capitals/a'), { recursive: true })
  await writeFile(join(folder, 'capitals/a/IMG_0.JPG'), '')
  const store = newStore(['a/IMG_0.JPG', 'a/IMG_0.JPG#1'])
  for (const photos of [storedPhotos(store), new PhotoFolders([`plain=${join(folder, 'capitals')}`])])
    await expect(readSets([said], photos)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: `Expected every photo that has captions, also ${missing}, for ${photos.path} but received "7 of plain less"`,
    })
  store.close()
})

it('finds photos in folders of a folder as in a feature store, and asks for each once', async () => {
  await mkdir(join(folder, 'albums/2019'), { recursive: true })
  for (const name of ['a', 'b', 'c']) await writeFile(join(folder, `albums/2019/${name}.jpg`), '')
  const files = ['a.jpg', 'photos/2019/b.jpg', '2019/c.jpg', 'none.jpg']
  const splits = ['train', 'train', 'val', 'test']
  const lines = files.map((file, i) => ({ file, caption: 'a dog', split: splits[i] }))
  const photos = new PhotoFolders([`plain=${join(folder, 'albums')}`])
  const keyOf = vi.spyOn(photos, 'keyOf')
  const { train, validation } = await readSets([await captions('albums.jsonl', lines)], photos)
  expect([...train, ...validation].map(({ key }) => key)).toEqual(['2019/a.jpg', '2019/b.jpg', '2019/c.jpg'])
  expect(keyOf.mock.calls.map(([file]) => file)).toEqual(files)
})

it('finds features of a photo whose name has its accents otherwise', async () => {
  const [whole, apart] = ['caf\u00e9.jpg', 'cafe\u0301.jpg'] as const
  for (const [stored, named] of [
    [whole, apart],
    [apart, whole],
  ] as const) {
    const store = newStore([stored])
    expect(storedPhotos(store).keyOf(`photos/${named}`, 'plain')).toBe(stored)
    expect(storedPhotos(store).keyOf('photos/cafe.jpg', 'plain')).toBeUndefined()
    store.close()
  }
})

it('finds features of photos in folders, and says which names are of several', async () => {
  const store = newStore(['2019/a.jpg', '2019/a.jpg#1', '2020/a.jpg', '2020/b.jpg'])
  const files = ['2019/a.jpg', 'photos/2020/a.jpg', 'b.jpg']
  const lines = files.map((file, i) => ({ file, caption: 'a dog', split: i === 2 ? 'val' : 'train' }))
  const { train, validation } = await readSets([await captions('in.jsonl', lines)], storedPhotos(store))
  expect([...train, ...validation].map(({ key, views }) => [key, views])).toEqual([
    ['2019/a.jpg', 2],
    ['2020/a.jpg', undefined],
    ['2020/b.jpg', undefined],
  ])
  const unclear = await captions('unclear.jsonl', [
    ...lines,
    { file: 'a.jpg', caption: 'a cat', split: 'val' },
  ])
  await expect(readSets([unclear], storedPhotos(store))).rejects.toThrow(
    `Expected a name of one photo of ${store.path} for a.jpg but received ["2019/a.jpg", "2020/a.jpg"]`,
  )
  store.close()
})

it('draws from the views that the features have, and a view more is something else to learn from', async () => {
  const data = [
    await captions(
      'views.jsonl',
      ['train', 'train', 'val'].map((split, i) => ({ file: `${'abc'[i]}.jpg`, caption: 'a dog', split })),
    ),
  ]
  const sums = new Set<string>()
  for (const views of [[], ['b.jpg#1'], ['a.jpg#1'], ['a.jpg#1', 'a.jpg#2']]) {
    const store = newStore(['a.jpg', 'b.jpg', 'c.jpg', ...views])
    const { train } = await readSets(data, storedPhotos(store))
    sums.add(dataSum(train))
    const features = new StoredFeatures(store)
    const drawn = async (epoch: number): Promise<number[]> => [
      ...(await features.input(train, { seed: 1, epoch })).data,
    ]
    const epochs = await Promise.all(Array.from({ length: 40 }, (_, epoch) => drawn(epoch)))
    for (const [i, { key }] of train.entries())
      expect(new Set(epochs.map((values) => values[i])).size).toBe(
        1 + views.filter((view) => view.startsWith(key)).length,
      )
    store.close()
  }
  expect(sums.size).toBe(4)
})

describe('what is held out', () => {
  const NAMES = ['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg']
  const split = { a: 'train', b: 'val', c: 'test' } as const
  const marked = (letters: readonly (keyof typeof split)[]) =>
    letters.map((letter) => ({ file: `${letter}.jpg`, caption: 'a dog', split: split[letter] }))
  const free = (letters: readonly string[], in_ = '') =>
    letters.map((letter) => ({ file: `${in_}${letter}.jpg`, caption: 'a cat' }))

  it.each([
    ['b', 'validation'],
    ['c', 'test'],
  ])('of one set is not trained on in another: %s.jpg, for %s', async (letter, part) => {
    const store = newStore(NAMES)
    const one = await captions('one.jsonl', marked(['a', 'b', 'c']), 'x')
    const two = await captions('two.jsonl', free(['a', 'd', letter], 'photos/'), 'y')
    for (const data of [
      [one, two],
      [two, one],
    ])
      await expect(readSets(data, storedPhotos(store))).rejects.toMatchObject({
        code: 'INVALID_DATA',
        message: `Expected photos to train on that are not in ${part} of ${one} for ${two} but received "photos/${letter}.jpg"`,
      })
    const apart = await captions('apart.jsonl', free(['a', 'd'], 'photos/'), 'y')
    expect((await readSets([one, apart], storedPhotos(store))).train).toHaveLength(3)
    store.close()
  })

  it('of one set is not trained on in the same', async () => {
    const path = join(folder, 'dataset.json')
    const images = ['train', 'test'].map((split, imgid) => ({
      ...{ imgid: imgid + 1, filename: 'a.jpg', split },
      sentences: [{ raw: 'a dog' }],
    }))
    await writeFile(path, JSON.stringify({ images }))
    await expect(readSets([`x=${path}`], { path: 'photos', keyOf: (file) => file })).rejects.toThrow(
      `Expected photos to train on that are not in test of x=${path} for x=${path} but received "a.jpg"`,
    )
  })

  it('is the photo of a folder: another folder may have one of that name', async () => {
    for (const name of ['here', 'there']) {
      await mkdir(join(folder, name))
      for (const file of NAMES) await writeFile(join(folder, name, file), '')
    }
    const data = [
      await captions('one.jsonl', marked(['a', 'b', 'c']), 'x'),
      await captions('two.jsonl', free(['a', 'b', 'c', 'd']), 'y'),
    ]
    const sets = (y: string) =>
      readSets(data, new PhotoFolders([`x=${join(folder, 'here')}`, `y=${join(folder, y)}`]))
    expect((await sets('there')).train).toHaveLength(5)
    await expect(sets('there/../here/')).rejects.toThrow(
      `Expected photos to train on that are not in validation of ${data[0]} for ${data[1]} but received "b.jpg"`,
    )
  })
})
