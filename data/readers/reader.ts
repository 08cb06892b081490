import type { ZodType } from 'zod'
import { expected, messageOf, ShowtellError } from '../../errors.js'
import type { CaptionedImage } from '../captions.js'

/** A caption file as every reader gets it. */
export interface Source {
  readonly path: string
  readonly text: string
  /** The parsed content, undefined where the whole text is no JSON document. */
  readonly json: unknown
  /** What is wrong with a text that begins as a JSON document, and not as JSON lines do. */
  readonly fault?: ShowtellError
}

/** Takes what is wrong with one entry; whether reading goes on is the caller's choice. */
export type Report = (problem: ShowtellError) => void

/** One format of caption files. */
export interface Reader {
  /** How the format is called in messages. */
  readonly title: string
  recognises(source: Source): boolean
  /**
   * @throws ShowtellError where nothing of the file is usable, or where it has a photo in two splits; single bad entries
   *   go to `report` and are left out.
   */
  read(source: Source, split: string | undefined, report: Report): Promise<CaptionedImage[]>
}

/** What a JSON text says. @throws ShowtellError INVALID_DATA naming its place and what is wrong with it. */
export function jsonOf(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ShowtellError('INVALID_DATA', `Expected whole JSON in ${where}: ${messageOf(cause)}`, {
      where,
      cause,
    })
  }
}

/** The JSON document that a source is. @throws ShowtellError INVALID_DATA where it is none, or another. */
export function documentOf<T>(schema: ZodType<T>, title: string, { path, text, json, fault }: Source): T {
  const document = schema.safeParse(json)
  if (document.success) return document.data
  throw fault ?? expected(title, path, json ?? text, 'INVALID_DATA')
}

/** The lines that hold something, with their numbers from 1. */
export function* numberedLines(text: string): Generator<readonly [number: number, line: string]> {
  let number = 0
  for (const line of text.split('\n')) {
    number++
    const content = line.endsWith('\r') ? line.slice(0, -1) : line
    if (content.trim() !== '') yield [number, content]
  }
}

const WITH_WORDS = 'a caption with words'

/** The caption without outer white space, or undefined, reported, where it has no letter and no digit. */
export function checkedCaption(caption: string, where: string, report: Report): string | undefined {
  if (/[\p{L}\p{N}]/u.test(caption)) return caption.trim()
  report(expected(WITH_WORDS, where, caption, 'INVALID_DATA'))
  return undefined
}

/** Whether a problem is that of `checkedCaption`. */
export function isWithoutWords({ message }: ShowtellError): boolean {
  return message.startsWith(`Expected ${WITH_WORDS} `)
}

/** A line that names a photo, with captions of it. */
export interface Entry {
  readonly line: number
  readonly file: string
  readonly captions: readonly string[]
  readonly id?: string | undefined
  readonly split?: string | undefined
}

/** A photo and the line that names it first. */
interface Photo {
  readonly line: number
  readonly image: CaptionedImage & { readonly captions: string[] }
}

/**
 * The photos that the lines of a file name, with the captions of all lines that do. A photo has the id of its first line:
 * that of others may be their caption's.
 * @throws ShowtellError INVALID_DATA where two lines say different splits of a photo.
 */
export function gathered(entries: Iterable<Entry>, path: string, report: Report): CaptionedImage[] {
  const photos = new Map<string, Photo>()
  const ids = new Map<string, Photo>()
  for (const entry of entries) {
    const { line, file } = entry
    const where = `${path}:${line}`
    const known = photos.get(file)
    const id = entry.id ?? known?.image.id ?? idOf(file, ids)
    const other = ids.get(id)
    if (other !== undefined && other !== known) {
      report(expected(`an id that line ${other.line} does not have`, where, id, 'INVALID_DATA'))
      continue
    }
    const marked = entry.split === undefined ? {} : { split: entry.split }
    const photo: Photo = known ?? { line, image: { id, file, captions: [], ...marked } }
    const { split: before = 'none', captions } = photo.image
    const { split: now = 'none' } = entry
    // Were the line left out, a photo that it marks for test could be trained on.
    if (before !== now)
      throw expected(`split ${before} of ${file}, as in line ${photo.line},`, where, now, 'INVALID_DATA')
    photos.set(file, photo)
    ids.set(id, photo)
    if (entry.id === undefined) ids.set(file, photo)
    captions.push(...entry.captions.flatMap((caption) => checkedCaption(caption, where, report) ?? []))
  }
  return [...photos.values()].map(({ image }) => image).filter(({ captions }) => captions.length > 0)
}

/** The images of one split, or all. @throws ShowtellError INVALID_ARGUMENT naming the splits there are. */
export function ofSplit(images: CaptionedImage[], split: string | undefined, path: string): CaptionedImage[] {
  if (split === undefined) return images
  const chosen = images.filter((image) => image.split === split)
  if (chosen.length > 0) return chosen
  const splits = [...new Set(images.flatMap((image) => image.split ?? []))].sort()
  const known = splits.length > 0 ? `one of the splits ${splits.join(', ')}` : 'no split (the file has none)'
  throw expected(known, path, split)
}

/** The id of a photo that is given none: its name without folder and ending, all of it where a photo before has that. */
export function idOf(file: string, taken: { has(id: string): boolean }): string {
  const short = nameWithoutEnding(file)
  return taken.has(short) ? file : short
}

/** `photos/dog.jpg` → `dog`. */
export function nameWithoutEnding(file: string): string {
  return file.replace(/^.*[/\\]/, '').replace(/\.[^.]+$/, '')
}
