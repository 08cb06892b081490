import { chmod, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { makePlace, writeWhole } from './whole-file.js'

const folder = temporaryFolder('whole-file')

it('writes into a folder that was made for it, and leaves nothing beside', async () => {
  const file = join(folder, 'new/place/a.txt')
  await makePlace(file)
  for (const text of ['one', 'two']) await writeWhole(file, text)
  expect(await readFile(file, 'utf8')).toBe('two')
  expect(await readdir(join(folder, 'new/place'))).toEqual(['a.txt'])
  await expect(makePlace(join(folder, 'new'))).rejects.toThrow(
    `Expected a file that can be written for ${join(folder, 'new')} but received "a folder"`,
  )
})

it('writes where a link points to, which stays one, and keeps the mode', async () => {
  const [file, link] = [join(folder, 'real.txt'), join(folder, 'link.txt')]
  await writeFile(file, 'one')
  await symlink('real.txt', link)
  for (const mode of [0o600, 0o666]) {
    await chmod(file, mode)
    await writeWhole(link, `two ${mode}`)
    expect([await readlink(link), await readFile(file, 'utf8')]).toEqual(['real.txt', `two ${mode}`])
    expect((await stat(file)).mode & 0o777).toBe(mode)
  }
})

it('writes where a link points to and nothing is yet', async () => {
  const [file, link] = [join(folder, 'later.txt'), join(folder, 'early.txt')]
  for (const target of ['later.txt', file]) {
    await symlink(target, link)
    await writeWhole(link, 'one')
    expect([await readlink(link), await readFile(file, 'utf8')]).toEqual([target, 'one'])
    for (const path of [file, link]) await rm(path)
  }
})

it('writes to what is no file without a file beside it', async () => {
  await makePlace('/dev/null')
  await writeWhole('/dev/null', 'gone')
  expect(await readdir('/dev')).not.toContain('null.part')
})
