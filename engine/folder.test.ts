import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { CONFIG, checkReplaceable, exists, fileSum, placeOf, replaceFolder } from './folder.js'

let folder: string
const at = (name: string): string => join(folder, name)
beforeEach(() => {
  folder = temporaryFolder('folder', onTestFinished)
})

/** A folder of the kind that is written. */
async function make(name: string, text: string): Promise<void> {
  await mkdir(at(name))
  await writeFile(at(`${name}/${CONFIG}`), text)
}
const replace = (name: string, text: string): Promise<void> =>
  replaceFolder(at(name), (place) => writeFile(join(place, CONFIG), text))
const textIn = async (name: string): Promise<string> =>
  readFile(join(await placeOf(at(name)), CONFIG), 'utf8')

describe('replaceFolder', () => {
  it('takes the place of nothing, of an empty folder and of one of its kind, and leaves nothing beside it', async () => {
    await mkdir(at('empty'))
    await make('old', 'old')
    for (const name of ['none', 'empty', 'old', 'old/']) {
      await replace(name, name)
      expect(await textIn(name)).toBe(name)
    }
    expect((await readdir(folder)).sort()).toEqual(['empty', 'none', 'old'])
  })

  it('refuses to take the place of anything else, before it writes', async () => {
    await mkdir(at('build'))
    await writeFile(at('build/index.js'), 'mine')
    await writeFile(at('notes'), 'mine')
    for (const [name, found] of [
      ['build', '["index.js"]'],
      ['notes', '"ENOTDIR: not a directory'],
    ] as const) {
      const error = {
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(
          `Expected a new or empty folder, or one with config.json, for ${at(name)} but received ${found}`,
        ),
      }
      await expect(checkReplaceable(at(name))).rejects.toMatchObject(error)
      await expect(replaceFolder(at(name), expect.unreachable)).rejects.toMatchObject(error)
    }
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(['build', 'build/index.js', 'notes'])
  })

  it('neither opens nor deletes what a person has called ….old', async () => {
    await make('model.old', 'mine')
    expect(await exists(await placeOf(at('model')))).toBe(false)
    await replace('model', 'first')
    await replace('model', 'second')
    expect(await textIn('model.old')).toBe('mine')
    expect(await textIn('model')).toBe('second')
    expect((await readdir(folder)).sort()).toEqual(['model', 'model.old'])
  })

  it('killed between its two renames, leaves the old one to be found, and goes on', async () => {
    const displaced = await placeOf(at('model'))
    await make('model', 'old')
    await rename(at('model'), displaced)
    await make('model.part', 'half')
    expect(await textIn('model')).toBe('old')
    expect(await textIn('model/')).toBe('old')
    await replace('model', 'new')
    expect(await textIn('model')).toBe('new')
    expect(await readdir(folder)).toEqual(['model'])
  })
})

describe('fileSum', () => {
  it('is the sha256 of all bytes of a file, however many', async () => {
    for (const length of [0, 5, 2 ** 20, 2 ** 21 + 3]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) % 251)
      await writeFile(at('bytes'), bytes)
      expect(await fileSum(at('bytes'))).toBe(createHash('sha256').update(bytes).digest('hex'))
    }
  })

  it.each(['.', 'nowhere'])('of %s, which cannot be read, says so', async (name) => {
    await expect(fileSum(at(name))).rejects.toMatchObject({ code: 'INVALID_BUNDLE', where: at(name) })
  })
})
