import type { Response } from 'express'
import { z } from 'zod'
import { validate } from '../decoder/validate.js'
import { expected } from '../errors.js'
import { MOST_NAME, readJsonBody, tooLarge, type UploadedPhoto } from './body.js'
import type { ServiceOptions } from './config.js'

const jsonSchema = z.strictObject({
  images: z
    .array(z.strictObject({ base64: z.string().min(1), file: z.string().max(MOST_NAME).optional() }))
    .min(1),
  options: z.record(z.string(), z.unknown()).optional(),
})

/** Reads the photos and options of a JSON body. */
export async function readJson(
  res: Response,
  limits: ServiceOptions,
): Promise<{ photos: UploadedPhoto[]; options: Record<string, unknown> }> {
  const { images, options } = validate(jsonSchema, await readJsonBody(res), 'the body')
  if (images.length > limits.maxImages)
    throw expected(`at most ${limits.maxImages}`, 'the number of images', images.length)
  const photos = images.map(({ base64, file }, i): UploadedPhoto => {
    const bytes = Buffer.from(base64, 'base64')
    const where = file ?? `images.${i}`
    // Node passes over what is not base64, so a shorter result shows that there was some.
    const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0
    const isBase64 = bytes.length > 0 && bytes.length === Math.floor(((base64.length - padding) * 3) / 4)
    const content = !isBase64
      ? expected('base64', where, base64.slice(0, 20), 'INVALID_IMAGE')
      : bytes.length > limits.maxImageBytes
        ? tooLarge(limits.maxImageBytes, where, bytes.length)
        : bytes
    return { content, ...(file === undefined ? {} : { file }) }
  })
  return { photos, options: options ?? {} }
}
