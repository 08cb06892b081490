import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'

/** Files with these endings are taken for photos, in any case; what they are is found out from their content. */
export const PHOTO_ENDINGS: readonly string[] = ['jpg', 'jpeg', 'png', 'webp', 'avif', 'gif', 'heic', 'heif']

const ENDING = new RegExp(`\\.(${PHOTO_ENDINGS.join('|')})$`, 'i')

export function isPhotoName(name: string): boolean {
  return ENDING.test(name)
}

/**
 * What a photo that captions call `file` is called in `folder`: the same (`val2014/a.jpg`), or its last part alone;
 * undefined where neither is there.
 */
export function nameIn(folder: string, file: string): string | undefined {
  return [file, basename(file)].find((name) => existsSync(join(folder, name)))
}

/** Where such a photo lies, or would. */
export function placeIn(folder: string, file: string): string {
  return join(folder, nameIn(folder, file) ?? file)
}
