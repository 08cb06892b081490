import { z } from 'zod'
import { expected } from '../../errors.js'
import type { CaptionedImage } from '../captions.js'
import { checkedCaption, idOf, numberedLines, ofSplit, type Reader } from './reader.js'

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

/** One's own data: a line a photo, `{"file": "a.jpg", "captions": ["…"], "id"?, "split"?}`; also `image`, `caption`. */
export const jsonl: Reader = {
  title: 'JSON lines with file and captions',
  recognises({ text }) {
    for (const [, line] of numberedLines(text)) if (lineSchema.safeParse(parse(line)).success) return true
    return false
  },

  async read({ path, text }, split, report) {
    const images: CaptionedImage[] = []
    const seen = new Map<string, number>()
    for (const [number, line] of numberedLines(text)) {
      const where = `${path}:${number}`
      const parsed = lineSchema.safeParse(parse(line))
      if (!parsed.success) {
        report(expected('a JSON object with file (or image) and captions', where, line, 'INVALID_DATA'))
        continue
      }
      const { data } = parsed
      const file = data.file ?? data.image ?? ''
      const id = String(data.id ?? idOf(file, seen))
      const before = seen.get(id)
      if (before !== undefined) {
        report(expected(`an id that line ${before} does not have`, where, id, 'INVALID_DATA'))
        continue
      }
      seen.set(id, number)
      if (data.id === undefined) seen.set(file, number)
      const texts = data.captions ?? [data.caption ?? '']
      const captions = texts.flatMap((caption) => checkedCaption(caption, where, report) ?? [])
      if (captions.length === 0) continue
      images.push({ id, file, captions, ...(data.split === undefined ? {} : { split: data.split }) })
    }
    return ofSplit(images, split, path)
  },
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
