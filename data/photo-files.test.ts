import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkApart, nameFinder, nameIn, newerThan } from './photo-files.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'photo-files-'))
  await mkdir(join(folder, 'a/b'), { recursive: true })
  for (const name of ['1.jpg', 'a/1.jpg', 'a/2.jpg', 'a/b/3.jpg', 'caf\u00e9.jpg', 'nin\u0303o.jpg'])
    await writeFile(join(folder, name), '')
})
afterAll(() => rm(folder, { recursive: true }))

it.each([
  ['a/2.jpg', 'a/2.jpg'],
  ['b/1.jpg', '1.jpg'],
  ['2.jpg', undefined],
  ['photos/a/1.jpg', 'a/1.jpg'],
  ['far/photos/a/b/3.jpg', 'a/b/3.jpg'],
  ['photos/b/3.jpg', undefined],
  ['photos/none/', undefined],
  ['cafe\u0301.jpg', 'caf\u00e9.jpg'],
  ['b/ni\u00f1o.jpg', 'nin\u0303o.jpg'],
])('%s is there as %s', (file, name) => {
  expect(nameIn(folder, file)).toBe(name)
})

it.each([
  ['1.jpg', '1.jpg'],
  ['a/1.jpg', 'a/1.jpg'],
  ['photos/a/1.jpg', 'a/1.jpg'],
  ['photos/1.jpg', '1.jpg'],
  ['2.jpg', 'a/b/2.jpg'],
  ['b/2.jpg', 'a/b/2.jpg'],
  ['c/2.jpg', undefined],
  ['cafe\u0301.jpg', 'a/caf\u00e9.jpg'],
  ['none.jpg', undefined],
  // One of c/d, not the one outside of it.
  ['d/1.jpg', 'c/d/1.jpg'],
])('among the names of photos in folders %s is %s', (file, name) => {
  const names = ['1.jpg', 'a/1.jpg', 'c/d/1.jpg', 'a/b/2.jpg', 'a/3.jpg', 'b/3.jpg', 'a/caf\u00e9.jpg']
  const find = nameFinder(names, 'features')
  expect(find(file)).toBe(name)
  expect(() => find('3.jpg')).toThrow(
    'Expected a name of one photo of features for 3.jpg but received ["a/3.jpg", "b/3.jpg"]',
  )
})

it('counts the files that were written after a moment', async () => {
  const files = ['1.jpg', 'a/1.jpg', 'a/2.jpg'].map((name) => join(folder, name))
  for (const [i, file] of files.entries()) await utimes(file, 100 + i, 100 + i)
  expect(await newerThan(100_500, [...files, join(folder, 'none.jpg')])).toBe(2)
})

it('names two photos of which a folder has one', () => {
  const check = (files: string[]) => () => checkApart(files, (file) => nameIn(folder, file), 'photos')
  expect(check(['1.jpg', 'a/2.jpg', '1.jpg', 'none.jpg', 'a/none.jpg'])).not.toThrow()
  expect(check(['x/1.jpg', 'y/1.jpg'])).toThrow(
    'Expected x/1.jpg and y/1.jpg as two photos for photos but received "1.jpg alone"',
  )
})
