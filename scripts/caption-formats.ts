import { basename, extname } from 'node:path'
import { type CaptionLine, commaSeparated, jsonLines } from '../data/caption-lines.js'
import { expected } from '../errors.js'

/** What a finished set of lines becomes in each format; `jsonl` is the lines themselves. */
export const FORMATS = Object.freeze({ jsonl: jsonLines, csv: commaSeparated, coco: cocoResults })
export type CaptionFormat = keyof typeof FORMATS

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
