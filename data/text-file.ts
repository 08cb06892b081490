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
  const bytes = await readFile(path).catch((cause) => {
    throw new ShowtellError('NOT_FOUND', `Expected ${what} at ${path}: ${messageOf(cause)}`, {
      where: path,
      cause,
    })
  })
  const isGzipped = bytes[0] === 0x1f && bytes[1] === 0x8b
  const whole = isGzipped ? await unzipped(bytes, path) : bytes
  checkUtf8(whole, path)
  return whole.toString('utf8').replace(/^\uFEFF/, '')
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

/**
 * Of bytes that are no UTF-8 the decoder makes replacement characters without a word, and UTF-16 it may read as UTF-8
 * with a zero beside each letter.
 */
function checkUtf8(bytes: Buffer, path: string): void {
  if (isText(bytes)) return
  // No character of several bytes has that of a line break in it, so that the fault is in some line.
  let [number, from, end] = [1, 0, bytes.indexOf('\n')]
  for (; end >= 0 && isText(bytes.subarray(from, end)); end = bytes.indexOf('\n', from)) {
    from = end + 1
    number++
  }
  const line = bytes.subarray(from, end < 0 ? bytes.length : end)
  const text = line.toString('utf8')
  const fault = text.indexOf(isUtf8(line) ? '\0' : '\uFFFD')
  throw expected(
    'text in UTF-8',
    `${path} line ${number}`,
    text.slice(Math.max(0, fault - 20)),
    'INVALID_DATA',
  )
}
