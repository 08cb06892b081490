import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expected, ShowtellError } from '../../errors.js'

/** A file on somebody's server. */
export interface RemoteFile {
  readonly url: string
  /** Size, where it is published. */
  readonly bytes?: number
  /** A sum that is known of the file, hexadecimal, and where from, for messages. */
  readonly sum?: { readonly algorithm: 'sha256' | 'md5'; readonly value: string; readonly from: string }
}

export interface DownloadOptions {
  readonly signal?: AbortSignal
  /** Bytes that have arrived, and of how many, as far as that is known. */
  readonly onBytes?: (done: number, total: number | undefined) => void
  /** Told of each try that failed, before the next. */
  readonly onTrouble?: (message: string) => void
  /** How often in a row the server may fail to send anything more. */
  readonly tries?: number
  /** Seconds before the second try; each later wait is twice as long. */
  readonly pause?: number
  /** Seconds without a byte after which a try has failed. */
  readonly patience?: number
}

const TRIES = 5
const PAUSE = 1
const PATIENCE = 60

/** A try that failed in a way that another one may not. */
class Failed extends Error {}

/**
 * Downloads a file. Bytes go to `path.part`, which a later call goes on with, also after the process was killed; it is
 * renamed to `path` once it is whole and its sum is right. A file without a known sum is always begun anew, since nothing
 * would tell whether its halves belong together.
 * @returns the file's SHA-256
 * @throws ShowtellError INVALID_DATA for a wrong size or sum (what came is deleted then), NOT_FOUND for a file that the
 *   server has not, DEADLINE when the server cannot be reached or stops sending, INTERNAL for too small a disk; the signal's
 *   reason
 */
export async function download(
  file: RemoteFile,
  path: string,
  options: DownloadOptions = {},
): Promise<string> {
  const { tries = TRIES, pause = PAUSE, signal } = options
  const part = `${path}.part`
  if (file.sum === undefined) await rm(part, { force: true })
  for (let failures = 0; ; ) {
    const before = await sizeOf(part)
    try {
      await receive(file, part, before, options)
      break
    } catch (error) {
      if (!(error instanceof Failed)) throw error
      failures = (await sizeOf(part)) > before ? 1 : failures + 1
      if (failures >= tries) {
        const { host } = new URL(file.url)
        throw new ShowtellError(
          'DEADLINE',
          `Expected ${host} to send ${file.url} but it ${error.message}; the next run goes on from there`,
          { where: file.url, cause: error },
        )
      }
      const seconds = pause * 2 ** (failures - 1)
      options.onTrouble?.(`${file.url}: the server ${error.message}; trying again in ${seconds} s`)
      await sleep(1000 * seconds, undefined, signal && { signal }).catch(() => signal?.throwIfAborted())
    }
  }
  const sums = await sumsOf(part)
  const { sum } = file
  if (sum !== undefined && sums[sum.algorithm] !== sum.value) {
    await rm(part)
    const wanted = `${sum.algorithm} ${sum.value} (${sum.from})`
    throw expected(wanted, file.url, sums[sum.algorithm], 'INVALID_DATA')
  }
  await rename(part, path)
  return sums.sha256
}

/** One try: asks for what is missing of the file and appends it to `part`. @throws Failed where another try may help */
async function receive(
  file: RemoteFile,
  part: string,
  size: number,
  { signal, onBytes, patience = PATIENCE }: DownloadOptions,
): Promise<void> {
  if (size > 0 && size === file.bytes) return
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), 1000 * patience)
  const ended = AbortSignal.any([silence.signal, ...(signal === undefined ? [] : [signal])])
  let handle: FileHandle | undefined
  try {
    const range = size > 0 ? { Range: `bytes=${size}-` } : undefined
    // Compressed on the way, the bytes counted would not be those of the file.
    const headers = { 'Accept-Encoding': 'identity', ...range }
    const response = await fetch(file.url, { headers, signal: ended })
    const { from, total } = await answered(file, part, size, response)
    if (from > 0 && from === total) return await response.body?.cancel()
    await checkSpace(dirname(part), (total ?? 0) - from)
    handle = await open(part, from > 0 ? 'a' : 'w')
    let done = from
    onBytes?.(done, total)
    for await (const chunk of response.body ?? []) {
      timer.refresh()
      // Unlike `write`, which may take less than it is given.
      await handle.appendFile(chunk)
      done += chunk.length
      onBytes?.(done, total)
    }
    if (total !== undefined && done !== total) throw new Failed(`sent ${done} of ${total} bytes`)
  } catch (error) {
    signal?.throwIfAborted()
    throw silence.signal.aborted ? new Failed(`sent nothing for ${patience} s`) : asFailure(error)
  } finally {
    clearTimeout(timer)
    await handle?.close()
  }
}

/** Where the server's answer begins in the file, and the file's size, as far as it tells. */
async function answered(
  file: RemoteFile,
  part: string,
  size: number,
  { status, headers }: Response,
): Promise<{ from: number; total: number | undefined }> {
  if (status === 416) {
    const [, whole] = /^bytes \*\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
    if (Number(whole) === size) return { from: size, total: size }
    await rm(part)
    throw new Failed('has less of it than has come before')
  }
  if (status >= 500 || status === 408 || status === 429) throw new Failed(`answered with status ${status}`)
  if (status !== 200 && status !== 206)
    throw expected('a file', file.url, `status ${status}`, status < 500 ? 'NOT_FOUND' : 'DEADLINE')
  // A server that knows no ranges answers with 200 and the whole file.
  const [, first, of] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
  if (status === 206 && Number(first) !== size)
    throw expected(`bytes from ${size} on`, file.url, headers.get('content-range'), 'INVALID_DATA')
  const length = headers.get('content-length')
  const total = status === 206 ? Number(of) : length === null ? undefined : Number(length)
  if (file.bytes !== undefined && total !== undefined && total !== file.bytes)
    throw expected(`${file.bytes} bytes`, file.url, total, 'INVALID_DATA')
  return { from: status === 206 ? size : 0, total: total ?? file.bytes }
}

/** @throws ShowtellError INTERNAL where a disk has less room than `bytes` */
async function checkSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const megabytes = (count: number): string => `${(count / 1e6).toFixed(1)} MB`
  if (bavail * bsize < bytes)
    throw expected(`${megabytes(bytes)} free`, folder, megabytes(bavail * bsize), 'INTERNAL')
}

/** An error of the file system, which names its call, ends the download; any other is the network's. */
function asFailure(error: unknown): Error {
  if (error instanceof ShowtellError || error instanceof Failed) return error
  if ((error as NodeJS.ErrnoException).syscall !== undefined) return error as Error
  const cause = ((error as Error).cause ?? error) as NodeJS.ErrnoException
  return new Failed(`broke the connection or could not be reached (${cause.message || cause.code})`)
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0
}

/** The sums of a file, hexadecimal. */
export async function sumsOf(path: string): Promise<{ sha256: string; md5: string }> {
  const [sha256, md5] = [createHash('sha256'), createHash('md5')]
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    sha256.update(chunk)
    md5.update(chunk)
  }
  return { sha256: sha256.digest('hex'), md5: md5.digest('hex') }
}
