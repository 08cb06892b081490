import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import {
  appendFile,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { CaptionedPhoto } from '../decoder/types.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import type { CaptionFormat } from './caption-formats.js'
import { openOutput } from './caption-output.js'

let folder: string
let path: string
beforeEach(() => {
  folder = temporaryFolder('output', onTestFinished)
  path = join(folder, 'captions')
})

const RUN = { bundle: 'tiny 0123456789ab', count: 1, bannedWords: ['dog'] }
const opened = (format: CaptionFormat = 'jsonl', run: object = RUN, overwrite = false) =>
  openOutput(path, format, { ...run }, overwrite)
const photo = (...texts: string[]): CaptionedPhoto => ({
  captions: texts.map((text) => ({
    text,
    tokens: [],
    logProb: -1.23456,
    wordLogProbs: [],
    score: -1,
    confidence: 0.5,
  })),
  timing: { decode: 0, encode: 0, search: 0 },
})

/** The number of a process that there was. */
async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ['--eval', ''])
  await once(child, 'exit')
  return child.pid!
}

/** Two of three photos, one of them damaged, and then the process is gone. */
async function halfDone(format: CaptionFormat): Promise<void> {
  const output = await opened(format)
  await output.write('1.jpg', photo('A cat.', 'A dog.'))
  await output.write('2.jpg', new Error('damaged'))
  await output.close()
}

const FINISHED = {
  jsonl:
    '{"file":"1.jpg","caption":"A cat.","confidence":0.5,"logProb":-1.2346,"others":["A dog."]}\n' +
    '{"file":"3.jpg","caption":"A bird.","confidence":0.5,"logProb":-1.2346}\n{"file":"2.jpg","error":"damaged"}\n',
  csv: 'file,caption,confidence,error\r\n"1.jpg","A cat.","0.5",""\r\n"2.jpg","","","damaged"\r\n"3.jpg","A bird.","0.5",""\r\n',
  coco: '[{"image_id":"1","file":"1.jpg","caption":"A cat."},{"image_id":"3","file":"3.jpg","caption":"A bird."}]\n',
}

describe.each(['jsonl', 'csv', 'coco'] as const)('an output as %s', (format) => {
  it('is gone on with after a kill in the middle of a line', async () => {
    await halfDone(format)
    await appendFile(format === 'jsonl' ? path : `${path}.lines`, '{"file":"3.jpg","capt')
    const output = await opened(format)
    expect(output.othersThan([])).toEqual(['1.jpg'])
    await output.write('3.jpg', photo('A bird.'))
    await output.write('2.jpg', new Error('damaged'))
    await output.finish(['1.jpg', '2.jpg', '3.jpg'])
    await output.close()
    expect(await readFile(path, 'utf8')).toBe(FINISHED[format])
    const beside = format === 'jsonl' ? [] : ['captions.lines']
    expect((await readdir(folder)).sort()).toEqual(['captions', ...beside, 'captions.run.json'])
  })

  it('tries a photo again that failed, until it has a caption', async () => {
    await halfDone(format)
    const output = await opened(format)
    await output.write('2.jpg', photo('A fish.'))
    await output.finish(['1.jpg', '2.jpg'])
    await output.close()
    const text = await readFile(path, 'utf8')
    expect(text).toContain('A fish.')
    expect(text).not.toContain('damaged')
    const again = await opened(format)
    expect(again.othersThan([])).toEqual(['1.jpg', '2.jpg'])
    await again.close()
  })

  it('keeps what it has of other photos, those that failed too', async () => {
    await halfDone(format)
    const output = await opened(format)
    await output.write('3.jpg', photo('A bird.'))
    await output.finish(['3.jpg'])
    await output.close()
    const text = await readFile(path, 'utf8')
    const found = ['A bird.', 'A cat.', 'damaged'].filter((said) => text.includes(said))
    expect(found).toEqual(['A bird.', 'A cat.', ...(format === 'coco' ? [] : ['damaged'])])
    const again = await opened(format)
    expect(again.othersThan([])).toEqual(['1.jpg', '3.jpg'])
    await again.finish([])
    await again.close()
    if (format !== 'coco') expect(await readFile(path, 'utf8')).toContain('damaged')
  })

  it('knows a photo by whatever path it is given, and when it was written, which looking does not change', async () => {
    const first = await opened(format)
    await first.write('./photos//1.jpg', photo('A cat.'))
    await first.close()
    const gathered = format === 'jsonl' ? path : `${path}.lines`
    await utimes(gathered, 100, 100)
    for (let look = 0; look < 2; look++) {
      const output = await opened(format)
      for (const file of ['./photos//1.jpg', join('photos', '1.jpg'), resolve('photos/1.jpg')])
        expect(output.isDone(file)).toBe(true)
      expect(output.isDone('1.jpg')).toBe(false)
      // As it was given or as it is given now, it is one line of what is finished.
      await output.finish([resolve('photos/1.jpg')])
      expect((await readFile(path, 'utf8')).match(/photos\/+1\.jpg/g)).toHaveLength(1)
      expect(output.writtenAt).toBe(100_000)
      await output.close()
    }
  })

  it('was last written to when it got a caption, not when photos failed again', async () => {
    await halfDone(format)
    const gathered = format === 'jsonl' ? path : `${path}.lines`
    await utimes(gathered, 100, 100)
    for (const result of [undefined, new Error('damaged'), photo('A fish.')]) {
      const output = await opened(format)
      expect(output.writtenAt).toBe(100_000)
      if (result !== undefined) await output.write('2.jpg', result)
      await output.close()
    }
    const output = await opened(format)
    expect(output.writtenAt).toBeGreaterThan(Date.now() - 60_000)
    await output.close()
  })

  it('has one writer at a time; the lock of one that was killed is no hindrance', async () => {
    const output = await opened(format)
    await expect(opened(format)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: `Expected no other writer of ${path} but this process is writing it; if that is not so, delete ${path}.lock`,
    })
    await expect(opened(format, RUN, true)).rejects.toThrow('Expected no other writer')
    await output.write('1.jpg', photo('A cat.'))
    const lock = await readFile(`${path}.lock`, 'utf8')
    await output.close()
    await writeFile(`${path}.lock`, lock.replace(/^\d+/, String(await endedProcess())))
    const again = await opened(format)
    expect(again.othersThan([])).toEqual(['1.jpg'])
    await again.close()
    expect(await readdir(folder)).not.toContain('captions.lock')
  })

  it('is refused to a run with other options or another bundle, whole or not', async () => {
    const other = { bundle: 'tiny ba9876543210', count: 1, bannedWords: [], seed: 2 }
    const message =
      `Expected a new file, --overwrite or what ${path} was begun with ` +
      '(bundle "tiny 0123456789ab", bannedWords ["dog"], seed none) for --output but received ' +
      'bundle "tiny ba9876543210", bannedWords [], seed 2'
    await halfDone(format)
    await expect(opened(format, other)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message })
    const output = await opened(format)
    await output.write('3.jpg', photo('A bird.'))
    await output.write('2.jpg', new Error('damaged'))
    await output.finish(['1.jpg', '2.jpg', '3.jpg'])
    await output.close()
    await expect(opened(format, other)).rejects.toMatchObject({ message })
    expect(await readFile(path, 'utf8')).toBe(FINISHED[format])
  })

  it('is begun anew when told to', async () => {
    await halfDone(format)
    const output = await opened(format, { count: 2 }, true)
    expect(output.othersThan([]).length).toBe(0)
    await output.close()
    await (await opened(format, { count: 2 })).close()
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
    const output = await opened('jsonl', { ...RUN, folder: place })
    await output.write('1.jpg', photo('A cat.'))
    await output.close()
    return place
  }

  it('is refused to a run in another folder, which has other photos of those names', async () => {
    const first = await begun('first')
    const second = await inFolder('second')
    await expect(opened('jsonl', { ...RUN, folder: second })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message:
        `Expected a new file, --overwrite or what ${path} was begun with (folder "${first}") for --output ` +
        `but received folder "${second}"`,
    })
    await (await opened('jsonl', { ...RUN, folder: second }, true)).close()
    await (await opened('jsonl', { ...RUN, folder: second })).close()
  })

  it('is gone on with from anywhere by absolute names, and knows which photos it has', async () => {
    const first = await begun('first')
    const second = await inFolder('second')
    const output = await opened()
    const isDone = [first, second].map((place) => output.isDone(join(place, '1.jpg')))
    expect(isDone).toEqual([true, false])
    await output.close()
    await expect(opened('jsonl', { ...RUN, folder: second })).rejects.toThrow(`folder "${first}"`)
  })
})

it('is written where a link points to, also when it is begun anew', async () => {
  await symlink('elsewhere', path)
  const output = await opened('jsonl', RUN, true)
  await output.write('1.jpg', photo('A cat.'))
  await output.close()
  await (await opened('jsonl', RUN, true)).close()
  expect([await readlink(path), await readFile(join(folder, 'elsewhere'), 'utf8')]).toEqual(['elsewhere', ''])
})

it.each([
  ['jsonl', FINISHED.jsonl],
  ['csv', FINISHED.csv],
  ['coco', FINISHED.coco],
] as const)('goes through a pipe as %s, of which nothing is kept', async (format, finished) => {
  await promisify(execFile)('mkfifo', [path])
  // Bytes that are read back from it would not come.
  const reading = readFile(path, 'utf8')
  const output = await opened(format)
  expect([output.isKept, output.othersThan([]).length]).toEqual([false, 0])
  await output.write('1.jpg', photo('A cat.', 'A dog.'))
  await output.write('3.jpg', photo('A bird.'))
  await output.write('2.jpg', new Error('damaged'))
  await output.finish(['1.jpg', '2.jpg', '3.jpg'])
  await output.close()
  expect(await reading).toBe(finished)
  expect(await readdir(folder)).toEqual(['captions'])
})

it.runIf(existsSync('/dev/full'))('says what could not be written where there is no room', async () => {
  const output = await openOutput('/dev/full', 'jsonl', RUN, false)
  await expect(output.write('1.jpg', photo('A cat.'))).rejects.toMatchObject({
    code: 'INTERNAL',
    message: 'Expected to write /dev/full but ENOSPC: no space left on device, write',
  })
  await output.close()
})

it('says on a full disk that it can be gone on with', async () => {
  const output = await opened('csv', RUN, true)
  await output.write('1.jpg', photo('A cat.'))
  await mkdir(`${path}.part`)
  const again = '; the same command without --overwrite goes on'
  await expect(output.finish(['1.jpg'])).rejects.toThrow(
    new RegExp(`^Expected to write ${path} but EISDIR: .*${again}$`),
  )
  const handle = await open(path, 'a')
  onTestFinished(() => handle.close())
  const full = vi.spyOn(Object.getPrototypeOf(handle), 'appendFile')
  full.mockRejectedValueOnce(new Error('ENOSPC: no space left on device, write'))
  await expect(output.write('2.jpg', photo('A dog.'))).rejects.toThrow(
    `Expected to write ${path}.lines but ENOSPC: no space left on device, write${again}`,
  )
  full.mockRestore()
  await output.close()
})

it('refuses a folder', async () => {
  await mkdir(path)
  await expect(opened()).rejects.toThrow(
    `Expected a file that can be written for ${path} but received "a folder"`,
  )
})

it('refuses a file that no record speaks of, unless it is empty', async () => {
  await writeFile(path, 'a letter\n')
  await expect(opened()).rejects.toThrow(
    `Expected a new file, --overwrite or ${path}.run.json, which says what made it, for --output but received ${path}`,
  )
  expect(await readFile(path, 'utf8')).toBe('a letter\n')
  await writeFile(path, '')
  await (await opened()).close()
})

it.each(['csv', 'coco'] as const)('refuses %s whose lines are gone', async (format) => {
  await (await opened(format)).close()
  await writeFile(path, FINISHED[format])
  await rm(`${path}.lines`)
  await expect(opened(format)).rejects.toThrow(
    `Expected a new file, --overwrite or ${path}.lines, which has its captions, for --output but received ${path}`,
  )
  expect(await readFile(path, 'utf8')).toBe(FINISHED[format])
})

it.each(['{"count": ', '7'])('names a record that is damaged: %s', async (content) => {
  await halfDone('jsonl')
  await writeFile(`${path}.run.json`, content)
  await expect(opened()).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message: expect.stringContaining(`Expected a whole ${path}.run.json but`),
  })
})

it('names a line that is no JSON object', async () => {
  await halfDone('jsonl')
  await appendFile(path, 'oops\n')
  await expect(opened()).rejects.toThrow(`Expected a JSON object for ${path}:3 but received "oops"`)
})
