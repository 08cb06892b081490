import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { isHeldOut, readParts } from './splits.js'

it('holds out the photos whose number divides by 13', () => {
  const ids = ['13', '14', '000000000026', '12', '130000000000000000000', '0']
  expect(ids.filter((id) => isHeldOut({ id }))).toEqual(['13', '000000000026', '130000000000000000000', '0'])
})

it('holds out about one in 13 of the photos whose names are no numbers', () => {
  const held = Array.from({ length: 13_000 }, (_, i) => `holiday-${i}`).filter((id) => isHeldOut({ id }))
  expect(held.length).toBeGreaterThan(900)
  expect(held.length).toBeLessThan(1100)
})

const file = async (lines: readonly object[]): Promise<string> => {
  const path = join(temporaryFolder('splits', onTestFinished), 'captions.jsonl')
  await writeFile(path, lines.map((line) => JSON.stringify(line)).join('\n'))
  return path
}
const ignore = (): void => {}

it('takes the splits of a file that has them', async () => {
  const path = await file([
    { file: 'a.jpg', caption: 'a dog', split: 'train' },
    { file: 'b.jpg', caption: 'a cat', split: 'val' },
    { file: 'c.jpg', caption: 'a cow', split: 'test' },
    { file: 'd.jpg', caption: 'a hen', split: 'restval' },
  ])
  const set = await readParts(path, ignore)
  expect(set.train.map((image) => image.file)).toEqual(['a.jpg', 'd.jpg'])
  expect(set.validation.map((image) => image.file)).toEqual(['b.jpg'])
  expect(set.test.map((image) => image.file)).toEqual(['c.jpg'])
})

it.each(['val', 'dev', 'test'])('does not train on %s where only that is marked', async (split) => {
  const path = await file([
    { file: 'a.jpg', caption: 'a dog' },
    { file: 'b.jpg', caption: 'a cat', split },
    { file: '13.jpg', caption: 'a cow' },
  ])
  const { train, validation } = await readParts(path, ignore)
  const names = [train, validation].map((images) => images.map((image) => image.file))
  expect(names).toEqual(split === 'test' ? [['a.jpg'], ['13.jpg']] : [['a.jpg', '13.jpg'], ['b.jpg']])
})

it('tells of a line that cannot be used once', async () => {
  const path = await file([
    { file: 'a.jpg', caption: 'a dog', split: 'train' },
    { file: 'b.jpg', caption: 'a cat', split: 'dev' },
    { file: 'c.jpg', caption: '', split: 'dev' },
  ])
  const problems: string[] = []
  const { validation } = await readParts(path, ({ message }) => problems.push(message))
  expect(validation.map((image) => image.file)).toEqual(['b.jpg'])
  expect(problems).toHaveLength(1)
})

it('holds photos out of a file without splits, each photo on one side', async () => {
  const path = await file(Array.from({ length: 60 }, (_, i) => ({ file: `p${i}.jpg`, caption: 'a dog' })))
  const { train, validation } = await readParts(path, ignore)
  expect(validation.length).toBeGreaterThan(0)
  expect(new Set([...train, ...validation].map((image) => image.file)).size).toBe(60)
  expect(train.length + validation.length).toBe(60)
})

it('holds photos out of those marked train where none are marked for validation', async () => {
  const path = await file([
    { file: '13.jpg', caption: 'a dog', split: 'train' },
    { file: '14.jpg', caption: 'a cat', split: 'train' },
    { file: '26.jpg', caption: 'a cow', split: 'test' },
    { file: '39.jpg', caption: 'a hen' },
  ])
  const { train, validation } = await readParts(path, ignore)
  const names = [train, validation].map((images) => images.map((image) => image.file))
  expect(names).toEqual([['14.jpg'], ['13.jpg']])
})

it('takes validation for val, and refuses a split that it does not know', async () => {
  const lines = [
    { file: 'a.jpg', caption: 'a dog', split: 'train' },
    { file: 'b.jpg', caption: 'a cat', split: 'validation' },
  ]
  const { train, validation } = await readParts(await file(lines), ignore)
  expect([train, validation].map((images) => images.map((image) => image.file))).toEqual([
    ['a.jpg'],
    ['b.jpg'],
  ])
  const path = await file([
    ...lines,
    ...['c.jpg', 'd.jpg'].map((name) => ({ file: name, caption: 'a cow', split: 'Train' })),
    { file: 'e.jpg', caption: 'a hen', split: 'eval' },
  ])
  await expect(readParts(path, ignore)).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message: `Expected photos of train, restval, val, validation, dev, test or no split for ${path} but received "2 of Train, 1 of eval"`,
  })
})

it('validates with the photos of val, validation and dev together', async () => {
  const path = await file(
    ['dev', 'train', 'validation', 'val', 'train', 'dev'].map((split, i) => ({
      file: `${i}.jpg`,
      caption: 'a dog',
      split,
    })),
  )
  const { train, validation } = await readParts(path, ignore)
  expect(train.map((image) => image.file)).toEqual(['1.jpg', '4.jpg'])
  expect(validation.map((image) => image.file).sort()).toEqual(['0.jpg', '2.jpg', '3.jpg', '5.jpg'])
})

it('has each photo on one side where its captions stand on lines with ids of their own', async () => {
  const path = await file(
    Array.from({ length: 500 }, (_, i) => ({ id: i, image: `p${Math.floor(i / 5)}.jpg`, caption: 'a dog' })),
  )
  const { train, validation } = await readParts(path, ignore)
  expect([...train, ...validation].every(({ captions }) => captions.length === 5)).toBe(true)
  expect(validation.length).toBeGreaterThan(0)
  expect(new Set([...train, ...validation].map((image) => image.file)).size).toBe(100)
  expect(train.length + validation.length).toBe(100)
})

it('tells how many photos of no split are left out beside those to train on', async () => {
  const told = async (split: string): Promise<string[]> => {
    const path = await file([
      { file: '14.jpg', caption: 'a dog', split },
      { file: '15.jpg', caption: 'a cat' },
      { file: '13.jpg', caption: 'a cow' },
    ])
    const problems: string[] = []
    await readParts(path, ({ message }) => problems.push(message.replace(path, 'FILE')))
    return problems
  }
  expect(await told('train')).toEqual([
    'Expected a split of each photo for FILE but received "2 photos without one"',
  ])
  expect(await told('val')).toEqual([])
  expect(await told('test')).toEqual([])
})
