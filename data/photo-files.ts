import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
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

/**
 * What a photo that captions call `file` is called in `folder`: the same (`val2014/a.jpg`), or its last part alone, in
 * one of its spellings; undefined where none is there.
 */
export function nameIn(folder: string, file: string): string | undefined {
  return [file, basename(file)].flatMap(spellingsOf).find((name) => existsSync(join(folder, name)))
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
