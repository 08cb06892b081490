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
  return from(Readable.from([bytes]))
}

function from(input: AsyncIterable<Buffer>): Promise<string> {
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(input as typeof process.stdin)
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

test('lines that are there are answered before more is asked for', async () => {
  const answers: unknown[] = []
  const answer = () => answers.push(vi.mocked(process.stdout.write).mock.lastCall?.[0])
  async function* typed() {
    yield Buffer.from('A dog.\nA')
    answer()
    yield Buffer.from(' cat.\n')
    answer()
  }
  expect(await from(typed())).toBe('a dog\na cat\n')
  expect(answers).toEqual(['a dog\n', 'a cat\n'])
})

test('no more is read than whoever reads the answers has room for', async () => {
  let hasRoom = false
  async function* long() {
    vi.mocked(process.stdout.write).mockReturnValueOnce(false)
    setImmediate(() => {
      hasRoom = true
      process.stdout.emit('drain')
    })
    yield Buffer.from('A dog.\n')
    expect(hasRoom).toBe(true)
    yield Buffer.from('A cat.\n')
  }
  expect(await from(long())).toBe('a cat\n')
})

test('what is no UTF-8, or not there, is named', async () => {
  for (const line of [Buffer.from('a caf\xe9', 'latin1'), Buffer.from('a dog\0runs\n')]) {
    await expect(ofFile(line)).rejects.toThrow(`UTF-8 for ${join(folder, 'lines.txt')} line 1`)
    await expect(ofInput(line)).rejects.toThrow('Expected text in UTF-8 for the standard input line 1')
  }
  await expect(writtenBy(['tokenize', join(folder, 'none')])).rejects.toThrow(
    `Expected lines at ${join(folder, 'none')}: ENOENT`,
  )
  await expect(writtenBy(['tokenize', folder])).rejects.toThrow(`Expected lines at ${folder}: EISDIR`)
})
