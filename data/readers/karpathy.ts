import { z } from 'zod'
import { expected } from '../../errors.js'
import type { CaptionedImage } from '../captions.js'
import { checkedCaption, documentOf, ofSplit, type Reader } from './reader.js'

const documentSchema = z.looseObject({ images: z.array(z.unknown()).min(1) })
const imageSchema = z.looseObject({
  filepath: z.string().optional(),
  filename: z.string().min(1),
  cocoid: z.int().optional(),
  imgid: z.int(),
  split: z.string().min(1),
  sentences: z.array(z.looseObject({ raw: z.string() })),
})

/** The `dataset.json` of Karpathy and Fei-Fei (2015, "Deep visual-semantic alignments"): COCO, Flickr8k or Flickr30k with splits. */
export const karpathy: Reader = {
  title: 'Karpathy dataset.json',
  recognises({ json }) {
    const document = documentSchema.safeParse(json)
    return document.success && document.data.images.some((image) => imageSchema.safeParse(image).success)
  },

  async read(source, split, report) {
    const { path } = source
    const document = documentOf(documentSchema, karpathy.title, source)
    const images: CaptionedImage[] = []
    const seen = new Set<string>()
    for (const [index, entry] of document.images.entries()) {
      const where = `${path}: images[${index}]`
      const image = imageSchema.safeParse(entry)
      if (!image.success) {
        report(expected('filename, imgid, split and sentences with raw', where, entry, 'INVALID_DATA'))
        continue
      }
      const { filepath, filename, cocoid, imgid, sentences } = image.data
      const id = String(cocoid ?? imgid)
      if (seen.has(id)) {
        report(expected('an id used once', where, id, 'INVALID_DATA'))
        continue
      }
      seen.add(id)
      const captions = sentences.flatMap(
        ({ raw }, k) => checkedCaption(raw, `${where}.sentences[${k}]`, report) ?? [],
      )
      if (captions.length > 0)
        images.push({
          id,
          file: filepath ? `${filepath}/${filename}` : filename,
          captions,
          split: image.data.split,
        })
      else if (sentences.length === 0) report(expected('a sentence', where, 'none', 'INVALID_DATA'))
    }
    return ofSplit(images, split, path)
  },
}
