import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { readText } from './text-file.js'

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
