import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { expected, messageOf, ShowtellError } from '../errors.js'

/**
 * A text file, gzipped or not, without a byte order mark.
 * @param what it holds, for messages
 * @throws ShowtellError NOT_FOUND, and INVALID_DATA for one that cannot be gunzipped whole or is not UTF-8, naming its line.
 */
export async function readText(path: string, what: string): Promise<string> {
  const bytes = await readFile(path).catch(missing(what, path))
  const isGzipped = bytes[0] === 0x1f && bytes[1] === 0x8b
  return decoded(isGzipped ? await unzipped(bytes, path) : bytes, path)
}

/**
 * The lines of a text as it comes, all that are whole at a time, without a byte order mark. Only a line feed ends a line.
 * @param input its bytes, in pieces.
 * @param where they come from, for messages
 * @throws ShowtellError NOT_FOUND, and INVALID_DATA for what is not UTF-8, naming its line.
 */
export async function* linesOf(
  input: AsyncIterable<Buffer>,
  where: string,
): AsyncGenerator<readonly string[]> {
  let ended = 0
  const linesIn = (bytes: Buffer): readonly string[] => {
    const lines = decoded(bytes, where, ended).split('\n')
    if (lines.at(-1) === '') lines.pop()
    ended += lines.length
    return lines
  }
  let begun: Buffer[] = []
  for await (const piece of piecesOf(input, where)) {
    const end = piece.lastIndexOf('\n') + 1
    if (end > 0) {
      yield linesIn(Buffer.concat([...begun, piece.subarray(0, end)]))
      begun = []
    }
    begun.push(piece.subarray(end))
  }
  yield linesIn(Buffer.concat(begun))
}

async function* piecesOf(input: AsyncIterable<Buffer>, where: string): AsyncGenerator<Buffer> {
  try {
    yield* input
  } catch (cause) {
    missing('lines', where)(cause)
  }
}

function missing(what: string, where: string) {
  return (cause: unknown): never => {
    throw new ShowtellError('NOT_FOUND', `Expected ${what} at ${where}: ${messageOf(cause)}`, {
      where,
      cause,
    })
  }
}

async function unzipped(bytes: Buffer, path: string): Promise<Buffer> {
  try {
    return await promisify(gunzip)(bytes)
  } catch (cause) {
    throw new ShowtellError('INVALID_DATA', `Expected a whole gzip file at ${path}: ${messageOf(cause)}`, {
      where: path,
      cause,
    })
  }
}

function isText(bytes: Buffer): boolean {
  return isUtf8(bytes) && !bytes.includes(0)
}

/** @param before lines of the text before these bytes. */
function decoded(bytes: Buffer, where: string, before = 0): string {
  checkUtf8(bytes, where, before)
  const text = bytes.toString('utf8')
  return before === 0 ? text.replace(/^\uFEFF/, '') : text
}

/**
 * Of bytes that are no UTF-8 the decoder makes replacement characters without a word, and UTF-16 it may read as UTF-8
 * with a zero beside each letter.
 */
function checkUtf8(bytes: Buffer, where: string, before: number): void {
  if (isText(bytes)) return
  // No character of several bytes has that of a line break in it, so that the fault is in some line.
  let [number, from, end] = [before + 1, 0, bytes.indexOf('\n')]
  for (; end >= 0 && isText(bytes.subarray(from, end)); end = bytes.indexOf('\n', from)) {
    from = end + 1
    number++
  }
  const line = bytes.subarray(from, end < 0 ? bytes.length : end)
  const text = line.toString('utf8')
  const fault = text.indexOf(isUtf8(line) ? '\0' : '\uFFFD')
  throw expected(
    'text in UTF-8',
    `${where} line ${number}`,
    text.slice(Math.max(0, fault - 20)),
    'INVALID_DATA',
  )
}
