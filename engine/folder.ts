import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { type ErrorCode, expected, messageOf, ShowtellError } from '../errors.js'

/*
 * Folders that hold a model: written aside and renamed, so that their path always opens, as what was there or as the
 * new one.
 */

/** What every one of them has. */
export const CONFIG = 'config.json'

/**
 * Writes a folder and puts it where another model, or nothing, is.
 * @param write fills the folder it is given; when it fails, `path` stays as it was.
 * @throws ShowtellError as `checkReplaceable` does, before anything is written.
 */
export async function replaceFolder(path: string, write: (folder: string) => Promise<void>): Promise<void> {
  await checkReplaceable(path)
  const folder = `${resolve(path)}.part`
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  try {
    await write(folder)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  const displaced = displacedOf(path)
  if (await exists(path)) {
    await rm(displaced, { recursive: true, force: true })
    await rename(path, displaced)
  }
  await rename(folder, path)
  await rm(displaced, { recursive: true, force: true })
}

/**
 * What `replaceFolder` replaces is deleted: that may be a folder with a model, or an empty one, and nothing else. Who works
 * for hours before it writes asks here first.
 * @throws ShowtellError INVALID_ARGUMENT saying what is there.
 */
export async function checkReplaceable(path: string): Promise<void> {
  if (!(await exists(path)) || (await exists(join(path, CONFIG)))) return
  // A file cannot be listed, and says so.
  const found = await readdir(path).catch(messageOf)
  if (found.length > 0) throw expected(`a new or empty folder, or one with ${CONFIG},`, path, found)
}

/** Where a folder really is: a kill between the two renames leaves it beside its place. */
export async function placeOf(path: string): Promise<string> {
  return (await exists(path)) ? path : displacedOf(path)
}

/** A name that nobody gives a folder by hand: what has it is opened and deleted. */
function displacedOf(path: string): string {
  // Beside it, also where the path ends in a slash.
  const place = resolve(path)
  return join(dirname(place), `.${basename(place)}.showtell-old`)
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

/** The sha256 of each file of a folder, by name. */
export async function sumsOf(folder: string, files: Iterable<string>): Promise<Record<string, string>> {
  const sums = [...files].map(async (file) => [file, await fileSum(join(folder, file))] as const)
  return Object.fromEntries(await Promise.all(sums))
}

/** @throws ShowtellError INVALID_BUNDLE naming a file that is missing or has another sum. */
export async function verifySums(folder: string, sums: Readonly<Record<string, string>>): Promise<void> {
  for (const [file, sum] of Object.entries(sums)) {
    const found = await fileSum(join(folder, file))
    if (found !== sum) throw expected(`sha256 ${sum}`, join(folder, file), found, 'INVALID_BUNDLE')
  }
}

/** What a JSON file holds. @throws ShowtellError naming the file and what is wrong with it, INVALID_BUNDLE unless told otherwise. */
export async function readJson<R>(
  file: string,
  read: (value: unknown) => R,
  code: ErrorCode = 'INVALID_BUNDLE',
): Promise<R> {
  try {
    return read(JSON.parse(await readFile(file, 'utf8')))
  } catch (cause) {
    const what =
      cause instanceof z.ZodError
        ? cause.issues
            .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
            .join('; ')
        : messageOf(cause)
    throw new ShowtellError(code, `Expected a whole ${file} but ${what}`, { where: file, cause })
  }
}

/** sha256 of a file. @throws ShowtellError INVALID_BUNDLE when it cannot be read. */
export async function fileSum(file: string): Promise<string> {
  try {
    const hash = createHash('sha256')
    // Not `readFile`, which refuses files of 2 GiB.
    for await (const bytes of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(bytes)
    return hash.digest('hex')
  } catch (cause) {
    throw new ShowtellError('INVALID_BUNDLE', `Expected ${file} but ${messageOf(cause)}`, {
      where: file,
      cause,
    })
  }
}
