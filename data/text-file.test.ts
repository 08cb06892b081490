import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readText } from './text-file.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'text-file-'))
})
afterAll(() => rm(folder, { recursive: true }))
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
