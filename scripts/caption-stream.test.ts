import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { FORMATS } from './caption-formats.js'
import { openOutput } from './caption-output.js'
import { lineOf, screen } from './caption-stream.js'
import { FINISHED, photo, RUN } from './fixtures/caption-outputs.js'

it.each([
  ['jsonl', FINISHED.jsonl],
  ['csv', FINISHED.csv],
  ['coco', FINISHED.coco],
] as const)('goes through a pipe as %s, of which nothing is kept', async (format, finished) => {
  const folder = temporaryFolder('stream', onTestFinished)
  const path = join(folder, 'captions')
  await promisify(execFile)('mkfifo', [path])
  // Bytes that are read back from it would not come.
  const reading = readFile(path, 'utf8')
  const output = await openOutput(path, format, RUN, false, true)
  expect([output.isKept, output.othersThan([]).length]).toEqual([false, 0])
  expect(output.isSeen).toBe(format === 'jsonl')
  await output.write('1.jpg', photo('A cat.', 'A dog.'))
  await output.write('3.jpg', photo('A bird.'))
  await output.write('2.jpg', new Error('damaged'))
  await output.finish(['1.jpg', '2.jpg', '3.jpg'])
  await output.close()
  expect(await reading).toBe(finished)
  expect(await readdir(folder)).toEqual(['captions'])
})

it.runIf(existsSync('/dev/full'))('says what could not be written where there is no room', async () => {
  const output = await openOutput('/dev/full', 'jsonl', RUN, false, true)
  await expect(output.write('1.jpg', photo('A cat.'))).rejects.toMatchObject({
    code: 'INTERNAL',
    message: 'Expected to write /dev/full but ENOSPC: no space left on device, write',
  })
  await output.close()
})

it.each([
  [true, '1.jpg\tA cat.\t0.50\n1.jpg\tA dog.\t0.50\n'],
  [false, '1.jpg\tA cat.\n1.jpg\tA dog.\n'],
])(
  'is on the screen a line a caption, with its confidence where that means something: %s',
  async (calibrated, shown) => {
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    onTestFinished(() => written.mockRestore())
    const output = screen(calibrated)
    await output.write('1.jpg', photo('A cat.', 'A dog.'))
    await output.write('2.jpg', new Error('damaged'))
    expect(written.mock.calls.map(([text]) => text).join('')).toBe(shown)
  },
)

it('has no confidence in a line where that means nothing', () => {
  const line = { file: '1.jpg', caption: 'A cat.', logProb: -1.2346 }
  expect(lineOf('1.jpg', photo('A cat.'), false)).toEqual(line)
  expect(lineOf('1.jpg', photo('A cat.'), true)).toEqual({ ...line, confidence: 0.5 })
  expect(FORMATS.csv([line])).toBe('file,caption,confidence,error\r\n"1.jpg","A cat.","",""\r\n')
})
