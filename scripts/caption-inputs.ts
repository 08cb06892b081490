import { stat } from 'node:fs/promises'
import { isAbsolute, join, normalize } from 'node:path'
import { glob } from 'tinyglobby'
import { isPhotoName } from '../data/photo-files.js'
import { photosIn } from '../data/photo-walk.js'
import { expected } from '../errors.js'

/** Takes a place that cannot be looked at, and why. */
type Tell = (path: string, problem: unknown) => void

/**
 * Folders become the photos in them, at any depth, and globs what they match; sorted, each once under one name (`./photos`
 * is `photos`).
 * @throws ShowtellError NOT_FOUND for an input without a photo, and what the system says of a folder that it does not list.
 */
export async function photosOf(inputs: readonly string[], tell: Tell): Promise<string[]> {
  const found = new Set<string>()
  for (const input of inputs) {
    const kind = await stat(input).catch(() => undefined)
    const photos = kind?.isFile()
      ? [input]
      : await (kind?.isDirectory() ? inFolder(input, tell) : matching(input, tell))
    if (photos.length === 0) throw expected('at least one photo', input, 'none', 'NOT_FOUND')
    for (const photo of photos) found.add(normalize(photo))
  }
  return [...found]
}

async function inFolder(folder: string, tell: Tell): Promise<string[]> {
  return (await photosIn(folder, tell)).map((name) => join(folder, name))
}

/** What a glob matches goes the way of an input, but a file has to look like a photo: sidecars match too. */
async function matching(pattern: string, tell: Tell): Promise<string[]> {
  const matched = await glob(pattern.replaceAll('\\', '/'), {
    onlyFiles: false,
    expandDirectories: false,
    // Or a photo would have another name than by its folder.
    absolute: isAbsolute(pattern),
  })
  const photos: string[] = []
  let entered: string | undefined
  for (const match of matched.sort()) {
    // A folder, which ends in /, comes before what is in it.
    if (entered !== undefined && match.startsWith(entered)) continue
    if (match.endsWith('/')) {
      entered = match
      const inside = await inFolder(match, tell).catch((problem) => void tell(match, problem))
      photos.push(...(inside ?? []))
    } else if (isPhotoName(match)) photos.push(match)
  }
  return photos
}
