import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { FINISHED, halfDoneAt, openAt, photo, RUN } from './fixtures/caption-outputs.js'

let folder: string
let path: string
beforeEach(() => {
  folder = temporaryFolder('output', onTestFinished)
  path = join(folder, 'captions')
})

describe.each(['jsonl', 'csv', 'coco'] as const)('an output as %s', (format) => {
  it('is refused to a run with other options or another bundle, whole or not', async () => {
    const other = { bundle: 'tiny ba9876543210', count: 1, bannedWords: [], seed: 2 }
    const message =
      `Expected a new file, --overwrite or what ${path} was begun with ` +
      '(bundle "tiny 0123456789ab", bannedWords ["dog"], seed none) for --output but received ' +
      'bundle "tiny ba9876543210", bannedWords [], seed 2'
    await halfDoneAt(path, format)
    await expect(openAt(path, format, other)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message })
    const output = await openAt(path, format)
    await output.write('3.jpg', photo('A bird.'))
    await output.write('2.jpg', new Error('damaged'))
    await output.finish(['1.jpg', '2.jpg', '3.jpg'])
    await output.close()
    await expect(openAt(path, format, other)).rejects.toMatchObject({ message })
    expect(await readFile(path, 'utf8')).toBe(FINISHED[format])
  })
})

describe('an output of photos with relative names', () => {
  const home = process.cwd()
  afterEach(() => process.chdir(home))
  const inFolder = async (name: string): Promise<string> => {
    await mkdir(join(folder, name), { recursive: true })
    process.chdir(join(folder, name))
    return process.cwd()
  }
  /** One photo of the working folder, and where that is. */
  const begun = async (name: string): Promise<string> => {
    const place = await inFolder(name)
    const output = await openAt(path, 'jsonl', { ...RUN, folder: place })
    await output.write('1.jpg', photo('A cat.'))
    await output.close()
    return place
  }

  it('is refused to a run in another folder, which has other photos of those names', async () => {
    const first = await begun('first')
    const second = await inFolder('second')
    await expect(openAt(path, 'jsonl', { ...RUN, folder: second })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message:
        `Expected a new file, --overwrite or what ${path} was begun with (folder "${first}") for --output ` +
        `but received folder "${second}"`,
    })
    await (await openAt(path, 'jsonl', { ...RUN, folder: second }, true)).close()
    await (await openAt(path, 'jsonl', { ...RUN, folder: second })).close()
  })

  it('is gone on with from anywhere by absolute names, and knows which photos it has', async () => {
    const first = await begun('first')
    const second = await inFolder('second')
    const output = await openAt(path)
    const isDone = [first, second].map((place) => output.isDone(join(place, '1.jpg')))
    expect(isDone).toEqual([true, false])
    await output.close()
    await expect(openAt(path, 'jsonl', { ...RUN, folder: second })).rejects.toThrow(`folder "${first}"`)
  })
})

describe.each(['csv', 'coco'] as const)('what was made of lines as %s', (format) => {
  const finished = async (...files: string[]): Promise<string> => {
    const output = await openAt(path, format)
    for (const file of files) await output.write(file, photo('A cat.'))
    await output.finish(['1.jpg', '2.jpg'])
    await output.close()
    return readFile(path, 'utf8')
  }
  const message = () =>
    `Expected a new file, --overwrite or ${path} as it was written for --output but received one that was changed since; rename it to keep it`

  it('is not written over once a person has changed it', async () => {
    const first = await finished('1.jpg')
    const edited = first.replace('A cat.', 'Rex, the cat.')
    await writeFile(path, edited)
    await expect(openAt(path, format)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message: message() })
    expect(await readFile(path, 'utf8')).toBe(edited)
    await rename(path, join(folder, 'mine'))
    expect(await finished()).toBe(first)
    expect(await readFile(join(folder, 'mine'), 'utf8')).toBe(edited)
  })

  it('is not written over where it was changed while photos were captioned', async () => {
    await finished('1.jpg')
    const output = await openAt(path, format)
    await writeFile(path, 'mine')
    await output.write('2.jpg', photo('A dog.'))
    await expect(output.finish(['1.jpg', '2.jpg'])).rejects.toThrow(message())
    await output.close()
    expect(await readFile(path, 'utf8')).toBe('mine')
    await rm(path)
    expect(await finished()).toContain('A dog.')
  })

  it('may be as a kill left it, or a run that begins anew, or one that kept no sums', async () => {
    const first = await finished('1.jpg')
    const second = await finished('2.jpg')
    expect(second).not.toBe(first)
    // The kill came before the rename.
    await writeFile(path, first)
    expect(await finished()).toBe(second)
    await writeFile(path, 'mine')
    await (await openAt(path, format, RUN, true)).close()
    expect(await finished('1.jpg', '2.jpg')).toBe(second)
    const { written: _, ...record } = JSON.parse(await readFile(`${path}.run.json`, 'utf8'))
    await writeFile(`${path}.run.json`, JSON.stringify(record))
    await writeFile(path, 'mine')
    expect(await finished()).toBe(second)
  })
})

it('refuses a folder', async () => {
  await mkdir(path)
  await expect(openAt(path)).rejects.toThrow(
    `Expected a file that can be written for ${path} but received "a folder"`,
  )
})

it('refuses a file that no record speaks of, unless it is empty', async () => {
  await writeFile(path, 'a letter\n')
  await expect(openAt(path)).rejects.toThrow(
    `Expected a new file, --overwrite or ${path}.run.json, which says what made it, for --output but received ${path}`,
  )
  expect(await readFile(path, 'utf8')).toBe('a letter\n')
  await writeFile(path, '')
  await (await openAt(path)).close()
})

it.each(['csv', 'coco'] as const)('refuses %s whose lines are gone', async (format) => {
  await (await openAt(path, format)).close()
  await writeFile(path, FINISHED[format])
  await rm(`${path}.lines`)
  await expect(openAt(path, format)).rejects.toThrow(
    `Expected a new file, --overwrite or ${path}.lines, which has its captions, for --output but received ${path}`,
  )
  expect(await readFile(path, 'utf8')).toBe(FINISHED[format])
})

it.each(['{"count": ', '7'])('names a record that is damaged: %s', async (content) => {
  await halfDoneAt(path, 'jsonl')
  await writeFile(`${path}.run.json`, content)
  await expect(openAt(path)).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message: expect.stringContaining(`Expected a whole ${path}.run.json but`),
  })
})

it('names a line that is no JSON object', async () => {
  await halfDoneAt(path, 'jsonl')
  await appendFile(path, 'oops\n')
  await expect(openAt(path)).rejects.toThrow(`Expected a JSON object for ${path}:3 but received "oops"`)
})
