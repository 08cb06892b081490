import { createReadStream } from 'node:fs'
import type { TransformOptions } from 'node:stream'
import { createGunzip, type ZlibOptions } from 'node:zlib'
import { messageOf, ShowtellError } from '../../errors.js'
import { type Paraphrases, readParaphrases } from './paraphrases.js'
import { UsedPhrases } from './phrases.js'

/**
 * Reads METEOR's `paraphrase-en.gz`: all of it, or what captions can use.
 * @param captions as tokens
 * @throws ShowtellError NOT_FOUND when it cannot be opened, INVALID_DATA when it is damaged
 */
export async function loadParaphrases(
  path: string,
  captions?: Iterable<readonly string[]>,
): Promise<Paraphrases> {
  const used = captions && new UsedPhrases(captions)
  return unpacked(path, (chunks) => readParaphrases(chunks, path, used))
}

/**
 * Whether paraphrases can be opened and unpacked, by their beginning, before long work.
 * @throws ShowtellError as `loadParaphrases`
 */
export async function checkParaphrases(path: string): Promise<void> {
  await unpacked(path, async (chunks) => {
    for await (const _ of chunks) return
  })
}

async function unpacked<T>(
  path: string,
  read: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  // Large pieces: each costs a change of threads.
  const file = createReadStream(path, { highWaterMark: 1 << 20 })
  // A thread unpacks the next pieces while this one reads those before.
  const room: ZlibOptions & TransformOptions = { chunkSize: 1 << 20, highWaterMark: 1 << 24 }
  const chunks = createGunzip(room)
  file.on('error', (error) => chunks.destroy(error))
  try {
    return await read(file.pipe(chunks))
  } catch (cause) {
    if (cause instanceof ShowtellError) throw cause
    const isOpen = (cause as NodeJS.ErrnoException).syscall === undefined
    const [code, what] = isOpen
      ? (['INVALID_DATA', 'a whole gzip file of paraphrases'] as const)
      : (['NOT_FOUND', 'paraphrases'] as const)
    throw new ShowtellError(code, `Expected ${what} at ${path}: ${messageOf(cause)}`, { where: path, cause })
  } finally {
    file.destroy()
  }
}
