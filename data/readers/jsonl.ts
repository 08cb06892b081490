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

/** A photo and the line that names it first. */
interface Photo {
  readonly line: number
  readonly image: CaptionedImage & { readonly captions: string[] }
}

/**
 * One's own data: a line a photo, `{"file": "a.jpg", "captions": ["…"], "id"?, "split"?}`, or several; also `image`,
 * `caption`. A photo has the id of its first line: that of others may be their caption's.
 */
export const jsonl: Reader = {
  title: 'JSON lines with file and captions',
  recognises({ text }) {
    for (const [, line] of numberedLines(text)) if (lineSchema.safeParse(parse(line)).success) return true
    return false
  },

  async read({ path, text }, split, report) {
    const photos = new Map<string, Photo>()
    const ids = new Map<string, Photo>()
    for (const [number, line] of numberedLines(text)) {
      const where = `${path}:${number}`
      const parsed = lineSchema.safeParse(parse(line))
      if (!parsed.success) {
        report(expected('a JSON object with file (or image) and captions', where, line, 'INVALID_DATA'))
        continue
      }
      const { data } = parsed
      const file = data.file ?? data.image ?? ''
      const known = photos.get(file)
      const id = String(data.id ?? known?.image.id ?? idOf(file, ids))
      const other = ids.get(id)
      if (other !== undefined && other !== known) {
        report(expected(`an id that line ${other.line} does not have`, where, id, 'INVALID_DATA'))
        continue
      }
      const marked = data.split === undefined ? {} : { split: data.split }
      const photo: Photo = known ?? { line: number, image: { id, file, captions: [], ...marked } }
      const { split: before = 'none', captions } = photo.image
      const { split: now = 'none' } = data
      // Were the line left out, a photo that it marks for test could be trained on.
      if (before !== now)
        throw expected(`split ${before} of ${file}, as in line ${photo.line},`, where, now, 'INVALID_DATA')
      photos.set(file, photo)
      ids.set(id, photo)
      if (data.id === undefined) ids.set(file, photo)
      const texts = data.captions ?? [data.caption ?? '']
      captions.push(...texts.flatMap((caption) => checkedCaption(caption, where, report) ?? []))
    }
    const images = [...photos.values()].map(({ image }) => image)
    return ofSplit(
      images.filter(({ captions }) => captions.length > 0),
      split,
      path,
    )
  },
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
