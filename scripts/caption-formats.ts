import { basename, extname } from 'node:path'
import { type CaptionLine, commaSeparated, jsonLines } from '../data/caption-lines.js'

/** What a finished set of lines becomes in each format; `jsonl` is the lines themselves. */
export const FORMATS = Object.freeze({ jsonl: jsonLines, csv: commaSeparated, coco: cocoResults })
export type CaptionFormat = keyof typeof FORMATS

/**
 * COCO results: what the COCO evaluation and `showtell evaluate` read. Photos without a caption are not in it. A name
 * without its ending may be the id of another photo (`10` of `10.jpg`), so the file stands beside it.
 */
function cocoResults(lines: readonly CaptionLine[]): string {
  const results = lines.flatMap(({ file, caption }) => {
    const image_id = imageIdOf(file)
    return caption === undefined
      ? []
      : [{ image_id, ...(typeof image_id === 'string' ? { file } : {}), caption }]
  })
  return `${JSON.stringify(results)}\n`
}

/** The number in a COCO file name (`000000000139.jpg`, `COCO_val2014_000000000139.jpg`), else the name without its ending. */
export function imageIdOf(file: string): number | string {
  const name = basename(file, extname(file))
  const [, digits] = /^(?:COCO_\w+_)?(\d{12})$/.exec(name) ?? []
  return digits === undefined ? name : Number(digits)
}
