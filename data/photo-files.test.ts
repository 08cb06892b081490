import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkApart, nameIn } from './photo-files.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'photo-files-'))
  await mkdir(join(folder, 'a'))
  for (const name of ['1.jpg', 'a/2.jpg', 'caf\u00e9.jpg', 'nin\u0303o.jpg'])
    await writeFile(join(folder, name), '')
})
afterAll(() => rm(folder, { recursive: true }))

it.each([
  ['a/2.jpg', 'a/2.jpg'],
  ['b/1.jpg', '1.jpg'],
  ['2.jpg', undefined],
  ['cafe\u0301.jpg', 'caf\u00e9.jpg'],
  ['b/ni\u00f1o.jpg', 'nin\u0303o.jpg'],
])('%s is there as %s', (file, name) => {
  expect(nameIn(folder, file)).toBe(name)
})

it('names two photos of which a folder has one', () => {
  const check = (files: string[]) => () => checkApart(files, (file) => nameIn(folder, file), 'photos')
  expect(check(['1.jpg', 'a/2.jpg', '1.jpg', 'none.jpg', 'a/none.jpg'])).not.toThrow()
  expect(check(['x/1.jpg', 'y/1.jpg'])).toThrow(
    'Expected x/1.jpg and y/1.jpg as two photos for photos but received "1.jpg alone"',
  )
})
