import { z } from 'zod'
import { expected } from '../../errors.js'
import type { CaptionedImage } from '../captions.js'
import { checkedCaption, documentOf, ofSplit, type Reader, type Report } from './reader.js'

const idSchema = z.union([z.int(), z.string().min(1)]).transform(String)
const imageSchema = z.looseObject({ id: idSchema, file_name: z.string().min(1).optional() })
const annotationSchema = z.looseObject({ image_id: idSchema, caption: z.string() })
/** Some annotation is a caption: those of COCO's instances and keypoints, which lie beside the captions, are none. */
const documentSchema = z.looseObject({
  images: z.array(z.unknown()).default([]),
  annotations: z
    .array(z.unknown())
    .refine((annotations) =>
      annotations.some((annotation) => annotationSchema.safeParse(annotation).success),
    ),
})

/**
 * COCO captions (cocodataset.org, "Data format"). Without an `images` list the photos are those the annotations name. Every
 * annotation counts, whatever its id, as in pycocotools (`COCO.createIndex` puts each into `imgToAnns`), by which the COCO
 * evaluation finds the references: home-made files number captions anew for each photo.
 */
export const coco: Reader = {
  title: 'COCO captions JSON',
  recognises: ({ json }) => documentSchema.safeParse(json).success,

  async read(source, split, report) {
    const { path } = source
    const { images, annotations } = documentOf(documentSchema, coco.title, source)
    const listed = readImages(images, path, report)
    const captions = new Map<string, string[]>()
    for (const [index, entry] of annotations.entries()) {
      const where = `${path}: annotations[${index}]`
      const annotation = annotationSchema.safeParse(entry)
      if (!annotation.success) {
        report(expected('image_id and caption', where, entry, 'INVALID_DATA'))
        continue
      }
      const { image_id, caption } = annotation.data
      if (images.length > 0 && !listed.has(image_id)) {
        report(expected('an image_id of the images list', where, image_id, 'INVALID_DATA'))
        continue
      }
      const checked = checkedCaption(caption, where, report)
      if (checked === undefined) continue
      const known = captions.get(image_id)
      if (known === undefined) captions.set(image_id, [checked])
      else known.push(checked)
    }
    for (const id of listed.keys())
      if (!captions.has(id)) report(expected('a caption', `${path}: image ${id}`, 'none', 'INVALID_DATA'))
    const result: CaptionedImage[] = [...captions].map(([id, texts]) => ({
      id,
      file: listed.get(id) ?? fileOf(id),
      captions: texts,
    }))
    return ofSplit(result, split, path)
  },
}

function readImages(entries: readonly unknown[], path: string, report: Report): Map<string, string> {
  const files = new Map<string, string>()
  for (const [index, entry] of entries.entries()) {
    const where = `${path}: images[${index}]`
    const image = imageSchema.safeParse(entry)
    if (!image.success) report(expected('an id, and file_name as text', where, entry, 'INVALID_DATA'))
    else if (files.has(image.data.id))
      report(expected('an id used once', where, image.data.id, 'INVALID_DATA'))
    else files.set(image.data.id, image.data.file_name ?? fileOf(image.data.id))
  }
  return files
}

/** COCO names a photo by its id in twelve digits; an id that is no number stands as it is. */
function fileOf(id: string): string {
  return `${/^\d+$/.test(id) ? id.padStart(12, '0') : id}.jpg`
}
