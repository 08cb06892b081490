import { chmod, mkdir, readlink, realpath, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { expected } from '../errors.js'

/**
 * Writes a file aside and renames it: a kill leaves it as it was or as it is to be, and the next writer uses what lies
 * aside. A link stays one, and the file keeps its mode.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const there = await stat(path).catch(() => undefined)
  // A pipe or a terminal, as /dev/stdout is, has no place beside it.
  if (there !== undefined && !there.isFile()) return writeFile(path, text)
  const real = there === undefined ? await linkedOr(path) : await realpath(path)
  const aside = `${real}.part`
  await writeFile(aside, text, { mode: there?.mode })
  // Making a file takes bits away, and what lies aside has a mode already.
  if (there !== undefined) await chmod(aside, there.mode)
  await rename(aside, real)
}

/** Where a link to what is not there yet leads, or a path itself. */
function linkedOr(path: string): Promise<string> {
  return readlink(path).then(
    (target) => resolve(dirname(path), target),
    () => path,
  )
}

/**
 * Makes the folder that a file is to be written into, so that a wrong path shows before long work and not after it.
 * @throws ShowtellError INVALID_ARGUMENT for a path that is a folder.
 */
export async function makePlace(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if ((await stat(path).catch(() => undefined))?.isDirectory())
    throw expected('a file that can be written', path, 'a folder')
}
