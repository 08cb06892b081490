import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, expect, test, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { inProcess } from './fixtures/commands.js'
import { register } from './tokenize.js'

const folder = temporaryFolder('tokenize')
afterEach(() => {
  vi.restoreAllMocks()
})

const { writtenBy } = inProcess(register)

async function ofFile(bytes: Buffer): Promise<string> {
  const file = join(folder, 'lines.txt')
  await writeFile(file, bytes)
  return writtenBy(['tokenize', file])
}

function ofInput(bytes: Buffer): Promise<string> {
  const input = Readable.from([bytes]) as unknown as typeof process.stdin
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(input)
  return writtenBy(['tokenize'])
}

test.each([
  ['a file', ofFile],
  ['the standard input', ofInput],
])('a line of tokens for each line of %s, empty ones included', async (_, tokensOf) => {
  expect(await tokensOf(Buffer.from("\uFEFFA man can't.\r\n\n(Hi) there\n"))).toBe(
    "a man ca n't\n\n-lrb- hi -rrb- there\n",
  )
  // A return alone is within a line, as it is within a caption that is scored.
  expect(await tokensOf(Buffer.from('a dog\na cat\rsits'))).toBe('a dog\na cat sits\n')
  expect(await tokensOf(Buffer.of())).toBe('')
})

test('what is no UTF-8, or not there, is named', async () => {
  const latin = Buffer.from('a caf\xe9', 'latin1')
  await expect(ofFile(latin)).rejects.toThrow(`for ${join(folder, 'lines.txt')} line 1`)
  await expect(ofInput(latin)).rejects.toThrow('Expected text in UTF-8 for the standard input')
  await expect(writtenBy(['tokenize', join(folder, 'none')])).rejects.toThrow(
    `Expected lines at ${join(folder, 'none')}: ENOENT`,
  )
})
