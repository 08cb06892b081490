import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { messageOf, ShowtellError } from '../errors.js'

/**
 * A text file, gzipped or not, without a byte order mark.
 * @param what it holds, for messages
 * @throws ShowtellError NOT_FOUND, and INVALID_DATA for one that cannot be gunzipped whole.
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
