import { basename, extname } from 'node:path'
import { expected } from '../errors.js'

/** A line of the JSON lines file that `caption` writes: a photo with its captions, or why it has none. */
export interface CaptionLine {
  readonly file: string
  readonly caption?: string
  readonly confidence?: number
  readonly logProb?: number
  readonly others?: readonly string[]
  readonly error?: string
}

/** What a finished set of lines becomes in each format; `jsonl` is the lines themselves. */
export const FORMATS = Object.freeze({ jsonl: jsonLines, csv: commaSeparated, coco: cocoResults })
export type CaptionFormat = keyof typeof FORMATS

function jsonLines(lines: readonly CaptionLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** RFC 4180, a row a photo. */
function commaSeparated(lines: readonly CaptionLine[]): string {
  const field = (value: string | number | undefined): string =>
    `"${String(value ?? '').replaceAll('"', '""')}"`
  const rows = lines.map(({ file, caption, confidence, error }) =>
    [file, caption, confidence, error].map(field).join(','),
  )
  return `${['file,caption,confidence,error', ...rows].join('\r\n')}\r\n`
}

/** COCO results: what the COCO evaluation and `showtell evaluate` read. Photos without a caption are not in it. */
function cocoResults(lines: readonly CaptionLine[]): string {
  const results = lines.flatMap(({ file, caption }) =>
    caption === undefined ? [] : [{ image_id: imageIdOf(file), caption }],
  )
  return `${JSON.stringify(results)}\n`
}

/** The number in a COCO file name (`000000000139.jpg`, `COCO_val2014_000000000139.jpg`), else the name without its ending. */
export function imageIdOf(file: string): number | string {
  const name = basename(file, extname(file))
  const [, digits] = /^(?:COCO_\w+_)?(\d{12})$/.exec(name) ?? []
  return digits === undefined ? name : Number(digits)
}

/**
 * @param nameOf what would be the same of two photos: the id in COCO results, the name of a picture.
 * @throws ShowtellError INVALID_ARGUMENT naming two photos of which it is.
 */
export function checkNames(
  files: readonly string[],
  nameOf: (file: string) => number | string,
  option: string,
): void {
  const seen = new Map<number | string, string>()
  for (const file of files) {
    const name = nameOf(file)
    const other = seen.get(name)
    if (other !== undefined) throw expected('photos with different names', option, [other, file])
    seen.set(name, file)
  }
}
