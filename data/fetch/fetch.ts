import { appendFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { expected, messageOf, ShowtellError } from '../../errors.js'
import { lockForWriting } from '../lock.js'
import { type DownloadOptions, download, type RemoteFile, sumsOf } from './download.js'
import type { Archive, Source } from './sources.js'
import { readMember, unpackMembers } from './unpack.js'

/** Files that are fetched at a time. */
const AT_A_TIME = 8
/** Sums of the files that came without one, in the form that `sha256sum --check` reads. */
const SUMS = 'SHA256SUMS'

export interface FetchProgress {
  readonly what: string
  readonly unit: 'MB' | 'files'
  readonly done: number
  /** NaN where the server does not tell. */
  readonly total: number
}

export interface FetchOptions extends Omit<DownloadOptions, 'onBytes'> {
  /** Address of a server that has the files under the same paths; asked instead of their hosts. */
  readonly mirror?: string
  readonly onProgress?: (progress: FetchProgress) => void
}

export interface Fetched {
  /** Files that could not be had, or not as they were before. */
  readonly failed: readonly ShowtellError[]
  /** Files of which no sum was known, and whose sums are now written down. */
  readonly firstSeen: number
}

/**
 * Fetches what of a data set is not in the folder yet. It may be killed at any moment: what is whole stays, and the next
 * call goes on.
 * @throws ShowtellError as `download` for the archives, and where the server fails; INVALID_DATA for a damaged archive, or
 *   while another process fetches into the folder; INTERNAL where the folder cannot be written
 */
export async function fetchSource(
  source: Source,
  folder: string,
  options: FetchOptions = {},
): Promise<Fetched> {
  let release: (() => void) | undefined
  try {
    await mkdir(folder, { recursive: true })
    release = lockForWriting(folder)
    for (const archive of source.archives) await fetchArchive(archive, folder, options)
    return await fetchFiles(source.files, folder, options)
  } catch (error) {
    // Streams have an error of their own for it.
    options.signal?.throwIfAborted()
    const { code, syscall } = error as NodeJS.ErrnoException
    if (syscall === undefined) throw error
    const problem = code === 'ENOSPC' ? 'a full disk' : messageOf(error)
    throw expected('to be able to write', folder, problem, 'INTERNAL')
  } finally {
    release?.()
  }
}

async function fetchArchive(archive: Archive, folder: string, options: FetchOptions): Promise<void> {
  const { keep, becomes } = archive
  const target = join(folder, becomes)
  const name = basename(archive.url)
  const path = join(folder, name)
  // One that was killed just before its end leaves the archive too.
  if (await isThere(target)) return rm(path, { force: true })
  if (!(await isThere(path))) {
    const onBytes = (done: number, total = Number.NaN): void =>
      options.onProgress?.({ what: name, unit: 'MB', done: done / 1e6, total: total / 1e6 })
    await download(fromMirror(archive, options), path, { ...options, onBytes })
  }
  const part = `${target}.part`
  await rm(part, { recursive: true, force: true })
  if (keep instanceof RegExp)
    await unpackMembers(path, keep, part, {
      ...(options.signal && { signal: options.signal }),
      onMember: (done, total) => options.onProgress?.({ what: `unpack ${name}`, unit: 'files', done, total }),
    })
  else await writeFile(part, selectCaptions(await readMember(path, keep.captions), keep.images, path))
  await rename(part, target)
  await rm(path)
}

const captionsSchema = z.looseObject({
  images: z.array(z.looseObject({ id: z.int() })),
  annotations: z.array(z.looseObject({ image_id: z.int() })),
})

/** A COCO captions file with these images only. */
function selectCaptions(bytes: Buffer, images: readonly number[], where: string): string {
  const { images: all, annotations, ...rest } = captionsSchema.parse(JSON.parse(bytes.toString('utf8')))
  const wanted = new Set(images)
  const found = all.filter(({ id }) => wanted.has(id))
  if (found.length !== wanted.size)
    throw expected(`${wanted.size} images of the list`, where, found.length, 'INVALID_DATA')
  const said = annotations.filter(({ image_id }) => wanted.has(image_id))
  return JSON.stringify({ ...rest, images: found, annotations: said })
}

async function fetchFiles(
  files: Readonly<Record<string, RemoteFile>>,
  folder: string,
  options: FetchOptions,
): Promise<Fetched> {
  const entries = Object.entries(files)
  const failed: ShowtellError[] = []
  const sums = await readSums(join(folder, SUMS))
  const before = sums.size
  let done = 0
  const report = (): void =>
    options.onProgress?.({ what: 'photos', unit: 'files', done, total: entries.length })
  // One that cannot go on at all stops the others.
  const stop = new AbortController()
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])

  const fetchOne = async (name: string, file: RemoteFile): Promise<void> => {
    const path = join(folder, name)
    const known = sums.get(name)
    if (known !== undefined && (await isThere(path))) {
      if ((await sumsOf(path)).sha256 === known) return
      options.onTrouble?.(`${path} is damaged and is fetched again`)
    }
    await mkdir(dirname(path), { recursive: true })
    const sum = known && { algorithm: 'sha256' as const, value: known, from: `as it first came, ${SUMS}` }
    const received = await download({ ...fromMirror(file, options), ...(sum && { sum }) }, path, {
      ...options,
      signal,
    })
    if (known !== undefined) return
    sums.set(name, received)
    await appendFile(join(folder, SUMS), `${received}  ${name}\n`)
  }

  const rest = entries.values()
  const worker = async (): Promise<void> => {
    for (const [name, file] of rest) {
      try {
        signal.throwIfAborted()
        await fetchOne(name, file)
      } catch (error) {
        if (error instanceof ShowtellError && (error.code === 'NOT_FOUND' || error.code === 'INVALID_DATA'))
          failed.push(error)
        else stop.abort(error)
        signal.throwIfAborted()
      }
      done++
      report()
    }
  }
  if (entries.length > 0) report()
  const workers = await Promise.allSettled(Array.from({ length: AT_A_TIME }, worker))
  for (const ended of workers) if (ended.status === 'rejected') throw ended.reason
  return { failed, firstSeen: sums.size - before }
}

/** The sums that were written down, by file; a line that a killed process left half written is cut off. */
async function readSums(path: string): Promise<Map<string, string>> {
  const text = await readFile(path, 'utf8').catch(() => '')
  const lines = text.split('\n')
  if (lines.pop() !== '') {
    await writeFile(`${path}.part`, lines.map((line) => `${line}\n`).join(''))
    await rename(`${path}.part`, path)
  }
  const sums = new Map<string, string>()
  for (const line of lines) {
    const [, sum, name] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? []
    if (sum === undefined || name === undefined)
      throw expected('a SHA-256, two spaces and a file', path, line, 'INVALID_DATA')
    if (!sums.has(name)) sums.set(name, sum)
  }
  return sums
}

function fromMirror<F extends RemoteFile>(file: F, { mirror }: FetchOptions): F {
  return mirror === undefined
    ? file
    : { ...file, url: mirror.replace(/\/$/, '') + new URL(file.url).pathname }
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
