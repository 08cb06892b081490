import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expected } from '../errors.js'

/** Files with these endings are taken for photos, in any case; what they are is found out from their content. */
export const PHOTO_ENDINGS: readonly string[] = ['jpg', 'jpeg', 'png', 'webp', 'avif', 'gif', 'heic', 'heif']

const ENDING = new RegExp(`\\.(${PHOTO_ENDINGS.join('|')})$`, 'i')

export function isPhotoName(name: string): boolean {
  return ENDING.test(name)
}

/** A name as it is written, and with its accents as one character with their letters and apart: they look alike. */
export function spellingsOf(name: string): string[] {
  return [...new Set([name, name.normalize('NFC'), name.normalize('NFD')])]
}

/** A name and what is left of it without its outer folders, one after the other: `a/b/1.jpg`, `b/1.jpg`, `1.jpg`. */
export function tailsOf(file: string): string[] {
  const inner = [...file.matchAll(/[/\\]/g)].map(({ index }) => file.slice(index + 1))
  return [file, ...inner].filter((tail) => tail !== '')
}

/**
 * What a photo that captions call `file` is called in `folder`: the same (`val2014/a.jpg`), or the longest tail of it that
 * is there, in one of its spellings; undefined where none is.
 */
export function nameIn(folder: string, file: string): string | undefined {
  return tailsOf(file)
    .flatMap(spellingsOf)
    .find((name) => existsSync(join(folder, name)))
}

/**
 * Finds which of `names` (`2019/a.jpg`) a photo has that captions call `file`: the same, one that ends with it (`a.jpg`),
 * or the longest tail of it (`photos/2019/a.jpg`) that is one, in one of its spellings; undefined where none is.
 * @param where the place of the names, for messages
 * @throws ShowtellError INVALID_DATA where several end with `file`.
 */
export function nameFinder(names: readonly string[], where: string): (file: string) => string | undefined {
  const known = new Set(names)
  const ending = new Map<string, string[]>()
  for (const name of names)
    for (const tail of tailsOf(name).slice(1)) {
      const before = ending.get(tail)
      if (before === undefined) ending.set(tail, [name])
      else before.push(name)
    }
  return (file) => {
    const among = (tails: string[]) => tails.flatMap(spellingsOf).find((name) => known.has(name))
    const same = among([file])
    if (same !== undefined) return same
    const [name, ...others] = spellingsOf(file).flatMap((spelling) => ending.get(spelling) ?? [])
    if (others.length > 0)
      throw expected(`a name of one photo of ${where}`, file, [name, ...others], 'INVALID_DATA')
    return name ?? among(tailsOf(file))
  }
}

/** How many of some files were written after a moment, in milliseconds. Those that cannot be looked at do not count. */
export async function newerThan(moment: number, files: readonly string[]): Promise<number> {
  const times = await Promise.all(files.map((file) => stat(file).catch(() => undefined)))
  return times.filter((found) => found !== undefined && found.mtimeMs > moment).length
}

/** Where such a photo lies, or would. */
export function placeIn(folder: string, file: string): string {
  return join(folder, nameIn(folder, file) ?? file)
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
  const seen = new Map<string, string>()
  for (const file of files) {
    const name = nameOf(file) ?? file
    const other = seen.get(name) ?? file
    if (other !== file)
      throw expected(`${other} and ${file} as two photos`, where, `${name} alone`, 'INVALID_DATA')
    seen.set(name, file)
  }
}
