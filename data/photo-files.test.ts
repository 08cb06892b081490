import { readdirSync } from 'node:fs'
import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { beforeAll, expect, it, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { checkApart, checkNames, newerThan, PhotoFolder } from './photo-files.js'

// Counts what is looked through.
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>()
  return { ...real, readdirSync: vi.fn(real.readdirSync) }
})

const folder = temporaryFolder('photo-files')
beforeAll(async () => {
  await mkdir(join(folder, 'a/b'), { recursive: true })
  for (const name of ['1.jpg', 'a/1.jpg', 'a/2.jpg', 'a/b/3.jpg', 'caf\u00e9.jpg', 'nin\u0303o.jpg'])
    await writeFile(join(folder, name), '')
})

it.each([
  ['a/2.jpg', 'a/2.jpg'],
  ['b/1.jpg', '1.jpg'],
  ['2.jpg', 'a/2.jpg'],
  ['b/3.jpg', 'a/b/3.jpg'],
  ['none.jpg', undefined],
  ['photos\\a\\1.jpg', 'a/1.jpg'],
  ['photos/a/1.jpg', 'a/1.jpg'],
  ['far/photos/a/b/3.jpg', 'a/b/3.jpg'],
  ['photos/b/3.jpg', undefined],
  ['photos/none/', undefined],
  ['cafe\u0301.jpg', 'caf\u00e9.jpg'],
  ['b/ni\u00f1o.jpg', 'nin\u0303o.jpg'],
])('%s is there as %s', (file, name) => {
  const photos = new PhotoFolder(folder)
  expect(photos.nameOf(file)).toBe(name)
  expect(photos.placeOf(file)).toBe(join(folder, name ?? file))
})

it('looks through a folder once, when a photo is not there by its name', () => {
  const looks = vi.mocked(readdirSync)
  looks.mockClear()
  const photos = new PhotoFolder(join(folder, 'a'))
  for (const name of ['1.jpg', '2.jpg', 'b/3.jpg']) expect(photos.nameOf(name)).toBe(name)
  expect(looks).not.toHaveBeenCalled()
  for (const name of ['3.jpg', 'none.jpg', 'x/b/3.jpg']) photos.nameOf(name)
  // One of it, one of the folder in it.
  expect(looks).toHaveBeenCalledTimes(2)
})

it('counts the files that were written after a moment', async () => {
  const files = ['1.jpg', 'a/1.jpg', 'a/2.jpg'].map((name) => join(folder, name))
  for (const [i, file] of files.entries()) await utimes(file, 100 + i, 100 + i)
  await symlink('loop', join(folder, 'loop'))
  const strange = ['none.jpg', '1.jpg/none.jpg', 'loop'].map((name) => join(folder, name))
  expect(newerThan(100_500, [...strange, ...files])).toBe(2)
})

it('names two photos of which a folder has one', () => {
  const photos = new PhotoFolder(folder)
  const check = (files: string[]) => () => checkApart(files, (file) => photos.nameOf(file), 'photos')
  expect(check(['1.jpg', 'a/2.jpg', '1.jpg', 'none.jpg', 'a/none.jpg'])).not.toThrow()
  expect(check(['x/1.jpg', 'y/1.jpg'])).toThrow(
    'Expected x/1.jpg and y/1.jpg as two photos for photos but received "1.jpg alone"',
  )
})

it('names two photos that would have one id', () => {
  const idOf = (file: string) => parse(file).name
  expect(() => checkNames(['a/cat.jpg', 'b/dog.jpg'], idOf, '--format coco')).not.toThrow()
  expect(() => checkNames(['a/cat.jpg', 'b/cat.png'], idOf, '--format coco')).toThrow(
    'Expected photos with different names for --format coco but received ["a/cat.jpg", "b/cat.png"]',
  )
})
