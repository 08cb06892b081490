import * as fs from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, normalize, resolve } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { isPhotoName } from '../data/photo-names.js'
import { KEPT_ASIDE, photosIn } from '../data/photo-walk.js'
import { expected, ShowtellError } from '../errors.js'

/** Takes a place that cannot be looked at, and why. */
type Tell = (path: string, problem: unknown) => void

/** `*.img` asks for that ending; `*` and `*.jpg*` do not, and sidecars match too. */
const ASKED_ENDING = /\.(\w+|\{[\w,]+\})$/

/** What a photo is called that comes through the standard input. */
export const STDIN = 'stdin'

/**
 * Folders become the photos in them, at any depth, and globs what they match; sorted, each once under one name (`./photos`
 * is `photos`); `-` is `STDIN`. Of several inputs, one that gives no photo is told and the others go on.
 * @throws ShowtellError NOT_FOUND where there is no photo at all, and what the system says of an only input that it does not
 *   look at, or of a folder that it does not list.
 */
export async function photosOf(inputs: readonly string[], tell: Tell): Promise<string[]> {
  const found = new Map<string, string>()
  for (const input of inputs) {
    const photos = await photosAt(input, tell).catch((problem: unknown) => {
      if (inputs.length === 1) throw problem
      tell(input, problem)
      return []
    })
    for (const photo of photos) {
      const path = resolve(photo)
      if (!found.has(path)) found.set(path, normalize(photo))
    }
  }
  if (found.size === 0) throw expected('at least one photo', inputs.join(', '), 'none', 'NOT_FOUND')
  return [...found.values()]
}

/** @throws as `photosOf` for an only input. */
async function photosAt(input: string, tell: Tell): Promise<string[]> {
  if (input === '-') return [STDIN]
  const kind = await kindOf(input)
  if (kind?.isFile()) return [input]
  const photos = kind?.isDirectory() ? inFolder(input, tell) : await matching(input, tell)
  if (photos.length > 0) return photos
  const why = kind?.isDirectory()
    ? 'there is none in it'
    : /^https?:/i.test(input)
      ? 'addresses are not fetched'
      : isDynamicPattern(input)
        ? 'none matches'
        : 'there is no such file'
  throw new ShowtellError('NOT_FOUND', `Expected at least one photo for ${input} but ${why}`, {
    where: input,
  })
}

/** Most bytes of a photo that comes through the standard input; a file may have more. */
const MOST_BYTES = 2 ** 28

/** The photo that comes through the standard input. @throws ShowtellError NOT_FOUND where nothing does, IMAGE_TOO_LARGE. */
export async function readStdin(): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of process.stdin) {
    bytes += part.length
    if (bytes > MOST_BYTES)
      throw new ShowtellError(
        'IMAGE_TOO_LARGE',
        `Expected at most ${MOST_BYTES} bytes in ${STDIN} but received more`,
      )
    parts.push(part)
  }
  if (bytes === 0) throw expected('a photo', STDIN, 'nothing', 'NOT_FOUND')
  return Buffer.concat(parts)
}

/** What the system says of a name that is none of a file, as a glob is none. */
const NO_FILE: readonly unknown[] = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'EINVAL']

/** Undefined where there is nothing of that name. What may not be looked at, or links to itself, may well be there. */
function kindOf(input: string): Promise<fs.Stats | undefined> {
  return stat(input).catch((error: NodeJS.ErrnoException) => {
    if (NO_FILE.includes(error.code)) return undefined
    throw error
  })
}

function inFolder(folder: string, tell: Tell): string[] {
  return photosIn(folder, tell).map((name) => join(folder, name))
}

/**
 * What a glob matches goes the way of an input, but a file has to look like a photo unless its ending is asked for. A link
 * to a folder is matched by no glob, nor what is kept aside, nor what the system does not list on the way.
 */
async function matching(input: string, tell: Tell): Promise<string[]> {
  const [folder, pattern] = apart(input)
  const matched = await glob(pattern, {
    cwd: folder,
    onlyFiles: false,
    expandDirectories: false,
    ignore: KEPT_ASIDE.map((name) => `**/${name}`),
    fs: { stat: statOfLink },
  })
  const isAsked = ASKED_ENDING.test(input)
  const photos: string[] = []
  let entered: string | undefined
  for (const match of matched.sort()) {
    // A folder, which ends in /, comes before what is in it.
    if (entered !== undefined && match.startsWith(entered)) continue
    const path = join(folder, match)
    if (match.endsWith('/')) {
      entered = match
      try {
        // One by one: as arguments, a hundred thousand do not fit on the stack.
        for (const photo of inFolder(path, tell)) photos.push(photo)
      } catch (problem) {
        tell(path, problem)
      }
    } else if (isAsked || isPhotoName(match)) photos.push(path)
  }
  return photos
}

/** The outer folders of a glob that are there by their very names, since `Photos (1)` is no pattern, and the rest of it. */
function apart(input: string): [folder: string, pattern: string] {
  const parts = input.replaceAll('\\', '/').split('/')
  const folderOf = (count: number): string => [...parts.slice(0, count), ''].join('/')
  let count = parts.length - 1
  while (count > 0 && !fs.existsSync(folderOf(count))) count--
  const pattern = parts.slice(count).join('/')
  // One that begins with ! would say what to leave out; !(…) would not.
  return [folderOf(count), pattern.replace(/^!(?!\()/, '\\!')]
}

/** What a glob asks of a link: one to a photo is matched, one to a folder is as one that leads nowhere. */
const statOfLink = ((path: string, done: (error: Error | null, stats?: fs.Stats) => void) =>
  fs.stat(path, (error, stats) =>
    stats?.isDirectory() ? done(new Error('a folder')) : done(error, stats),
  )) as typeof fs.stat
