import { z } from 'zod'
import { expected } from '../../errors.js'
import { type Entry, gathered, numberedLines, ofSplit, type Reader, type Report } from './reader.js'

const lineSchema = z
  .looseObject({
    file: z.string().min(1).optional(),
    image: z.string().min(1).optional(),
    caption: z.string().optional(),
    captions: z.array(z.string()).min(1).optional(),
    id: z.union([z.int(), z.string().min(1)]).optional(),
    split: z.string().min(1).optional(),
  })
  .refine((line) => (line.file === undefined) !== (line.image === undefined))
  .refine((line) => (line.caption === undefined) !== (line.captions === undefined))

/** One's own data: a line a photo, `{"file": "a.jpg", "captions": ["…"], "id"?, "split"?}`, or several; also `image`, `caption`. */
export const jsonl: Reader = {
  title: 'JSON lines with file and captions',
  recognises({ text }) {
    for (const [, line] of numberedLines(text)) if (lineSchema.safeParse(parse(line)).success) return true
    return false
  },

  async read({ path, text }, split, report) {
    return ofSplit(gathered(entries(text, path, report), path, report), split, path)
  },
}

function* entries(text: string, path: string, report: Report): Generator<Entry> {
  for (const [number, line] of numberedLines(text)) {
    const { data } = lineSchema.safeParse(parse(line))
    if (data === undefined) {
      report(
        expected(
          'a JSON object with file (or image) and captions',
          `${path}:${number}`,
          line,
          'INVALID_DATA',
        ),
      )
      continue
    }
    const { file, image, caption = '', captions = [caption], id, split } = data
    yield {
      line: number,
      file: file ?? image ?? '',
      captions,
      id: id === undefined ? undefined : String(id),
      split,
    }
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
