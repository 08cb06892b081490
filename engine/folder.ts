import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { type ErrorCode, expected, messageOf, ShowtellError } from '../errors.js'

/*
 * Folders that hold a model: written aside and renamed, so that their path always opens, as what was there or as the
 * new one.
 */

/** @param write fills the folder it is given; when it fails, `path` stays as it was. */
export async function replaceFolder(path: string, write: (folder: string) => Promise<void>): Promise<void> {
  const folder = `${resolve(path)}.part`
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  try {
    await write(folder)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  const old = oldOf(path)
  if (await exists(path)) {
    await rm(old, { recursive: true, force: true })
    await rename(path, old)
  }
  await rename(folder, path)
  await rm(old, { recursive: true, force: true })
}

/** Where a folder really is: a kill between the two renames leaves it beside its place. */
export async function placeOf(path: string): Promise<string> {
  return (await exists(path)) ? path : oldOf(path)
}

function oldOf(path: string): string {
  // Beside it, also where the path ends in a slash.
  return `${resolve(path)}.old`
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
        ? cause.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
        : messageOf(cause)
    throw new ShowtellError(code, `Expected a whole ${file} but ${what}`, { where: file, cause })
  }
}

/** sha256 of a file. @throws ShowtellError INVALID_BUNDLE when it cannot be read. */
export async function fileSum(file: string): Promise<string> {
  try {
    return createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
  } catch (cause) {
    throw new ShowtellError('INVALID_BUNDLE', `Expected ${file} but ${messageOf(cause)}`, {
      where: file,
      cause,
    })
  }
}
