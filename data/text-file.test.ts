import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { linesOf, readText } from './text-file.js'

const folder = temporaryFolder('text-file')
const written = async (name: string, content: string | Buffer): Promise<string> => {
  await writeFile(join(folder, name), content)
  return join(folder, name)
}

it('reads a text, gzipped or not, without a byte order mark', async () => {
  expect(await readText(await written('plain', '\uFEFFa dog\n'), 'a text')).toBe('a dog\n')
  expect(await readText(await written('packed', gzipSync('\uFEFFa dog\n')), 'a text')).toBe('a dog\n')
  expect(await readText(await written('empty', ''), 'a text')).toBe('')
})

it('says what it wanted of a file that is missing or torn', async () => {
  await expect(readText(join(folder, 'none'), 'a text')).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringMatching(/^Expected a text at .*none: ENOENT/),
  })
  const torn = await written('torn', gzipSync('a dog').subarray(0, 12))
  await expect(readText(torn, 'a text')).rejects.toMatchObject({
    code: 'INVALID_DATA',
    message: expect.stringContaining(`Expected a whole gzip file at ${torn}`),
  })
})

it('names the line of a text that is not UTF-8, and shows what is there', async () => {
  const refuses = async (content: Buffer, line: number, shown: string) => {
    const path = await written('strange', content)
    await expect(readText(path, 'a text')).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: `Expected text in UTF-8 for ${path} line ${line} but received ${JSON.stringify(shown)}`,
    })
  }
  const latin1 = Buffer.from('a dog\nin a café by the sea\nand more\n', 'latin1')
  await refuses(latin1, 2, 'in a caf\uFFFD by the sea')
  await refuses(gzipSync(latin1), 2, 'in a caf\uFFFD by the sea')
  await refuses(Buffer.from(`${'so '.repeat(50)}café`, 'latin1'), 1, `o ${'so '.repeat(5)}caf\uFFFD`)
  await refuses(Buffer.from('\uFEFFab\n', 'utf16le'), 1, '\uFFFD\uFFFDa\0b\0')
  await refuses(Buffer.from('a\nb', 'utf16le'), 1, 'a\0')
  // Cut within its last character.
  await refuses(Buffer.from('a dog\na café').subarray(0, -1), 2, 'a caf\uFFFD')
})

it('takes every character that UTF-8 has, a written replacement character too', async () => {
  const text = 'é €\r\n\uFFFD \u{1F600}\u{10FFFF}\t\u0001'
  expect(await readText(await written('all', text), 'a text')).toBe(text)
})

/** The lines of bytes that come in two pieces. */
async function linesInPieces(bytes: Buffer, cut: number): Promise<string[]> {
  const lines: string[] = []
  const pieces = Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)])
  for await (const some of linesOf(pieces, 'the pieces')) lines.push(...some)
  return lines
}

it('gives the lines of a text wherever it is cut, characters and the byte order mark too', async () => {
  const text = Buffer.from('\uFEFFa café\r\n\n\uFEFF\u{1F600} a\rb\u2028\nend')
  for (let cut = 0; cut <= text.length; cut++)
    expect(await linesInPieces(text, cut)).toEqual(['a café\r', '', '\uFEFF\u{1F600} a\rb\u2028', 'end'])
  expect(await linesInPieces(Buffer.of(), 0)).toEqual([])
  expect(await linesInPieces(Buffer.from('\n\n'), 1)).toEqual(['', ''])
})

it('names the line that is not UTF-8 wherever the text is cut', async () => {
  const text = Buffer.from('a dog\n\na café\n', 'latin1')
  for (let cut = 0; cut <= text.length; cut++)
    await expect(linesInPieces(text, cut)).rejects.toThrow(
      'Expected text in UTF-8 for the pieces line 3 but received "a caf\uFFFD"',
    )
})
