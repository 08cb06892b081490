import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expected } from '../errors.js'
import { nameFinder } from './photo-names.js'
import { photosIn } from './photo-walk.js'

/** A folder of photos, as captions speak of them. */
export class PhotoFolder {
  private find: ((file: string) => string | undefined) | undefined

  constructor(readonly path: string) {}

  /** What its photos are called. Of a place in it that cannot be looked at each is missed by itself. */
  get names(): string[] {
    return photosIn(this.path, () => {})
  }

  /**
   * What a photo that captions call `file` is called in it: the same, or what `nameFinder` finds among its photos, which
   * are looked for once one is not there by its name; undefined where none is.
   * @throws ShowtellError as `nameFinder`, and what the system says of a folder that it does not list.
   */
  nameOf(file: string): string | undefined {
    if (existsSync(join(this.path, file))) return file
    this.find ??= nameFinder(this.names, this.path)
    return this.find(file)
  }

  /** Where such a photo lies, or would. @throws as `nameOf`. */
  placeOf(file: string): string {
    return join(this.path, this.nameOf(file) ?? file)
  }
}

/** How many of some files were written after a moment, in milliseconds. Those that cannot be looked at do not count. */
export function newerThan(moment: number, files: readonly string[]): number {
  // One after the other: a hundred thousand at once would take 400 MB.
  return files.filter((file) => {
    try {
      return statSync(file).mtimeMs > moment
    } catch {
      return false
    }
  }).length
}

/**
 * Two photos of which a place has one only would both be that one.
 * @param nameOf what the place calls a photo, undefined where it has none.
 * @param where the place, for messages
 * @throws ShowtellError INVALID_DATA naming both.
 */
export function checkApart(
  files: readonly string[],
  nameOf: (file: string) => string | undefined,
  where: string,
): void {
  const found = namesakes([...new Set(files)], (file) => nameOf(file) ?? file)
  if (found === undefined) return
  const { name, first, second } = found
  throw expected(`${first} and ${second} as two photos`, where, `${name} alone`, 'INVALID_DATA')
}

/**
 * @param nameOf what would be the same of two photos: the id in COCO results, the name of a picture or of features.
 * @param what is expected of them
 * @throws ShowtellError INVALID_ARGUMENT naming two photos of which it is.
 */
export function checkNames(
  files: readonly string[],
  nameOf: (file: string, index: number) => number | string,
  option: string,
  what = 'photos with different names',
): void {
  const found = namesakes(files, nameOf)
  if (found !== undefined) throw expected(what, option, [found.first, found.second])
}

/** The first two that are called the same. */
function namesakes<Name>(
  files: readonly string[],
  nameOf: (file: string, index: number) => Name,
): { readonly name: Name; readonly first: string; readonly second: string } | undefined {
  const seen = new Map<Name, string>()
  for (const [index, second] of files.entries()) {
    const name = nameOf(second, index)
    const first = seen.get(name)
    if (first !== undefined) return { name, first, second }
    seen.set(name, second)
  }
  return undefined
}
