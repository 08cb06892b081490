import { z } from 'zod'
import type { CaptionedImage } from '../data/captions.js'
import { namesFinder } from '../data/photo-names.js'
import { csvRows, isCsv } from '../data/readers/csv.js'
import { jsonOf, nameWithoutEnding, numberedLines } from '../data/readers/reader.js'
import { expected, type ShowtellError } from '../errors.js'

/** A caption to be scored, and how its file names the image: an id or a file name. */
export interface Candidate {
  readonly image: string
  readonly caption: string
  /** How sure its maker is, 0 to 1. */
  readonly confidence?: number
}

/** An image to be scored. */
export interface ScoredImage {
  readonly id: string
  readonly file: string
  readonly candidate: string
  readonly confidence?: number
  readonly references: readonly string[]
}

const idSchema = z.union([z.int(), z.string().min(1)])
const entrySchema = z
  .looseObject({
    image_id: idSchema.optional(),
    file: z.string().min(1).optional(),
    image: z.string().min(1).optional(),
    id: idSchema.optional(),
    caption: z.string().optional(),
    confidence: z.unknown().optional(),
    error: z.string().optional(),
  })
  .refine(({ image_id, file, image, id }) => (image_id ?? file ?? image ?? id) !== undefined)
  .refine(({ caption, error }) => (caption ?? error) !== undefined)

/** What of an `Evaluation` are captions. */
const evaluationSchema = z.object({
  captions: z.record(z.string(), z.unknown()),
  confidences: z.record(z.string(), z.unknown()).optional(),
})

/**
 * How an entry names its image. An `image_id` that is text may be a name cut short; the file then says which photo it is. An
 * `id` beside a file may be the caption's.
 */
function imageOf(entry: { image_id?: unknown; file?: unknown; image?: unknown; id?: unknown }): string {
  const { image_id, image, file = image, id } = entry
  return String((typeof image_id === 'string' ? file : undefined) ?? image_id ?? file ?? id)
}

/**
 * Reads captions to be scored: COCO's results form, `[{"image_id": 139, "caption": "…"}]`, JSON lines with `image_id`,
 * `file` (or `image`) or `id`, or CSV with `file` (or `image`), as `showtell caption` writes them, or those of an
 * `Evaluation` as JSON, as `showtell evaluate` writes it.
 * @param where the file, for messages
 * @param warn takes photos whose line holds an error instead of a caption
 * @throws ShowtellError INVALID_DATA naming the entry or line
 */
export function parseCandidates(text: string, where: string, warn: (warning: string) => void): Candidate[] {
  const entries = entriesOf(text, where)
  if (entries.length === 0) throw expected('captions', where, 'none', 'INVALID_DATA')
  return entries.flatMap(([place, value]) => {
    const parsed = entrySchema.safeParse(value)
    if (!parsed.success)
      throw expected('image_id (or file) and caption', place, JSON.stringify(value), 'INVALID_DATA')
    const { caption, confidence, error } = parsed.data
    if (confidence !== undefined && !(typeof confidence === 'number' && confidence >= 0 && confidence <= 1))
      throw expected('a number from 0 to 1', `confidence of ${place}`, confidence, 'INVALID_DATA')
    const image = imageOf(parsed.data)
    if (caption !== undefined)
      return [{ image, caption, ...(confidence === undefined ? {} : { confidence }) }]
    warn(`${place}: no caption for ${image}: ${error}`)
    return []
  })
}

/**
 * Puts captions and references of the same image together, in the order of the captions. A caption names its image by
 * the id of the references, or by file name, as `imageFinder` has it.
 * @param references all there are: which image a name means does not depend on the images wanted
 * @param warn takes, by kind, the images that cannot be scored, and those of another folder and captions without words,
 *   which are scored
 * @param wanted those of the references to score; captions of the others are passed over
 * @throws ShowtellError INVALID_DATA for a wanted image with two captions, a name of several images of which one is wanted,
 *   or when no caption has references
 */
export function joinReferences(
  candidates: readonly Candidate[],
  references: readonly CaptionedImage[],
  where: string,
  warn: (warning: string) => void,
  wanted = references,
): ScoredImage[] {
  const find = imageFinder(
    references,
    candidates.map(({ image }) => image),
  )
  const isWanted = new Set(wanted)
  const unknown: string[] = []
  const elsewhere: string[] = []
  const empty: string[] = []
  const scored = new Map<string, ScoredImage>()
  for (const { image: name, caption, ...sureness } of candidates) {
    const [image, ...others] = find(name)
    if (image === undefined) {
      unknown.push(name)
      continue
    }
    if (![image, ...others].some((one) => isWanted.has(one))) continue
    if (others.length > 0) throw expected('a name of one image', where, name, 'INVALID_DATA')
    if (scored.has(image.id))
      throw expected('one caption an image', where, `two for ${image.id}`, 'INVALID_DATA')
    if (isElsewhere(name, image)) elsewhere.push(name)
    if (!/[\p{L}\p{N}]/u.test(caption)) empty.push(image.id)
    const { id, file, captions } = image
    scored.set(id, { id, file, candidate: caption, ...sureness, references: captions })
  }
  if (scored.size === 0) {
    const received = unknown.length === 0 ? 'no caption' : `images ${list(unknown)}`
    throw expected('captions of the images of the references', where, received, 'INVALID_DATA')
  }
  if (unknown.length > 0) warn(`${where}: not scored, no references: ${list(unknown)}`)
  const missing = wanted.filter(({ id }) => !scored.has(id)).map(({ id }) => id)
  if (missing.length > 0) warn(`${where}: not scored, no caption: ${list(missing)}`)
  if (elsewhere.length > 0) warn(`${where}: scored as the photo of another folder: ${list(elsewhere)}`)
  if (empty.length > 0) warn(`${where}: caption without a word: ${list(empty)}`)
  return [...scored.values()]
}

/**
 * Reads a list of images, one id or file name a line or a JSON array of them or of entries as in a file of captions, and finds them
 * among the references.
 * @param where the file, for messages
 * @throws ShowtellError INVALID_DATA naming what no image is called, what several are, or what is listed twice
 */
export function parseImageList(
  text: string,
  references: readonly CaptionedImage[],
  where: string,
): CaptionedImage[] {
  const names = /^\s*\[/.test(text)
    ? jsonEntries(text, where).map(([, name]) => (name instanceof Object ? imageOf(name) : String(name)))
    : text.split('\n').flatMap((line) => line.trim() || [])
  if (names.length === 0) throw expected('ids of images', where, 'none', 'INVALID_DATA')
  const find = imageFinder(references, names)
  const images = new Set<CaptionedImage>()
  const unknown: string[] = []
  for (const name of names) {
    const [image, ...others] = find(name)
    if (others.length > 0) throw expected('a name of one image', where, name, 'INVALID_DATA')
    if (image === undefined) unknown.push(name)
    else if (images.has(image)) throw expected('each image once', where, `${name} twice`, 'INVALID_DATA')
    else images.add(image)
  }
  if (unknown.length > 0)
    throw expected('images of the references', where, `images ${list(unknown)}`, 'INVALID_DATA')
  return [...images]
}

/**
 * Finds the images that an id or a file name may mean: as `namesFinder` does, or without folder, ending and leading zeros.
 * Accents may be one character with their letters or apart. Where no name has the folder of its image, folders only say
 * where each side keeps its photos; where some name has, they count: `train/1.jpg` is not `test/1.jpg`.
 * @param names all that will be asked for
 * @returns none, one, or all that it may be
 */
function imageFinder(
  images: readonly CaptionedImage[],
  names: readonly string[],
): (name: string) => readonly CaptionedImage[] {
  const byId = imagesBy(images, ({ id }) => [id.normalize()])
  const byFile = imagesBy(images, ({ file }) => [file])
  const filesOf = namesFinder(byFile.keys())
  // An id has no ending, though it may look like one: less that of `shot 10.20.30`, `shot 10.20.45` would be it.
  const named = imagesBy(images, ({ file, id }) => [plainName(file), plainId(id)])
  const ofFile = (name: string): readonly CaptionedImage[] =>
    filesOf(name).flatMap((file) => byFile.get(file) ?? [])
  const doFoldersCount = names.some((name) => {
    const [image, ...others] = ofFile(name)
    if (image === undefined || others.length > 0) return false
    return folderOf(name) !== '' && folderOf(name) === folderOf(image.file)
  })
  return (name) => {
    const images = byId.get(name.normalize()) ?? ofFile(name)
    if (images.length > 0) return images
    const alike = named.get(plainName(name)) ?? []
    return doFoldersCount && alike.every((image) => isElsewhere(name, image)) ? [] : alike
  }
}

/** Whether a name is that of the image, but for its folder. */
function isElsewhere(name: string, { file }: CaptionedImage): boolean {
  const [one, other] = [folderOf(name), folderOf(file)]
  return one !== '' && other !== '' && one !== other && plainName(name) === plainName(file)
}

/** The folder that a file lies in, without those around it. */
function folderOf(file: string): string {
  return file.replaceAll('\\', '/').normalize().split('/').at(-2) ?? ''
}

function imagesBy(
  images: readonly CaptionedImage[],
  namesOf: (image: CaptionedImage) => readonly string[],
): Map<string, CaptionedImage[]> {
  const found = new Map<string, CaptionedImage[]>()
  for (const image of images)
    for (const name of new Set(namesOf(image))) {
      const before = found.get(name)
      if (before === undefined) found.set(name, [image])
      else before.push(image)
    }
  return found
}

function plainName(file: string): string {
  return plainId(nameWithoutEnding(file))
}

function plainId(id: string): string {
  return id.normalize().replace(/^0+(?=\d+$)/, '')
}

function list(ids: readonly string[]): string {
  const shown = ids.slice(0, 20).join(', ')
  return ids.length > 20 ? `${shown} and ${ids.length - 20} more` : shown
}

/** What is in a file of captions, each with its place. */
function entriesOf(text: string, where: string): [string, unknown][] {
  if (/^\s*\[/.test(text)) return jsonEntries(text, where)
  if (isCsv(text)) return csvEntries(text, where)
  return evaluationEntries(text, where) ?? lineEntries(text, where)
}

/** The captions of an evaluation, by the ids of the references; undefined where the text is none. */
function evaluationEntries(text: string, where: string): [string, unknown][] | undefined {
  const { data } = evaluationSchema.safeParse(wholeJson(text))
  return (
    data &&
    Object.entries(data.captions).map(([image_id, caption]) => [
      `${where}: captions.${image_id}`,
      { image_id, caption, confidence: data.confidences?.[image_id] },
    ])
  )
}

/** What a text says as one JSON document; undefined where it is none. */
function wholeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function csvEntries(text: string, where: string): [string, unknown][] {
  const fail = (problem: ShowtellError): never => {
    throw problem
  }
  return [...csvRows(text, where, fail)].map(({ line, file, caption, confidence, error }) => [
    `${where}:${line}`,
    error === undefined
      ? { file, caption, ...(confidence === undefined ? {} : { confidence: Number(confidence) }) }
      : { file, error },
  ])
}

function jsonEntries(text: string, where: string): [string, unknown][] {
  return (jsonOf(text, where) as unknown[]).map((entry, index) => [`${where}[${index}]`, entry])
}

function lineEntries(text: string, where: string): [string, unknown][] {
  return Array.from(numberedLines(text), ([number, line]) => {
    try {
      return [`${where}:${number}`, JSON.parse(line)]
    } catch {
      throw expected('a JSON object', `${where}:${number}`, line, 'INVALID_DATA')
    }
  })
}
