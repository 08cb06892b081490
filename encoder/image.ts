import sharp, { type Region, type Sharp } from 'sharp'
import { expected, messageOf, ShowtellError } from '../errors.js'
import type { View } from './view.js'

export interface ImageLimits {
  /** Most pixels of a photo, width times height, checked before anything is decoded. */
  readonly pixels: number
}

export const DEFAULT_IMAGE_LIMITS: ImageLimits = Object.freeze({ pixels: 100_000_000 })

/** What may be opened. Everything else libvips could read (SVG, PDF, …) is refused by its content, not its name. */
const FORMATS: ReadonlySet<string> = new Set(['jpeg', 'png', 'webp', 'heif', 'gif'])

/**
 * Decodes a photo to RGB pixels [size, size, 3], uint8 row by row: upright by its EXIF orientation, alpha on white,
 * grey and CMYK as RGB, first frame of an animation, the whole image squashed to the square with a cubic kernel.
 * @param where the name of the photo in errors.
 * @param view what of the photo is wanted; all of it when absent.
 * @throws ShowtellError UNSUPPORTED_IMAGE, IMAGE_TOO_LARGE, INVALID_IMAGE or NOT_FOUND.
 */
export async function decodeImage(
  image: string | Uint8Array,
  size: number,
  where: string = typeof image === 'string' ? image : 'the image',
  limits: ImageLimits = DEFAULT_IMAGE_LIMITS,
  view?: View,
): Promise<Uint8Array> {
  try {
    const pixels = await (await open(image, where, limits, view))
      .resize(size, size, { fit: 'fill', kernel: 'cubic' })
      .removeAlpha()
      .raw()
      .toBuffer()
    return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength)
  } catch (error) {
    throw asImageError(error, image, where, limits)
  }
}

/** A photo to be shown, upright, as a JPEG. */
export interface Thumbnail {
  readonly jpeg: Uint8Array
  readonly width: number
  readonly height: number
}

/**
 * A photo made small enough to be shown, as it is decoded for the model but with its own proportions.
 * @param side its longer side at most, pixels.
 * @throws ShowtellError as decodeImage.
 */
export async function thumbnailOf(image: string, side: number): Promise<Thumbnail> {
  try {
    const { data, info } = await (await open(image, image, DEFAULT_IMAGE_LIMITS))
      .resize(side, side, { fit: 'inside', withoutEnlargement: true })
      .jpeg()
      .toBuffer({ resolveWithObject: true })
    return { jpeg: data, width: info.width, height: info.height }
  } catch (error) {
    throw asImageError(error, image, image, DEFAULT_IMAGE_LIMITS)
  }
}

/** Upright, in sRGB, alpha on white; nothing is decoded yet. */
async function open(
  image: string | Uint8Array,
  where: string,
  limits: ImageLimits,
  view?: View,
): Promise<Sharp> {
  // failOn 'error' lets warnings pass (odd metadata) and refuses a truncated file.
  const input = sharp(image, { limitInputPixels: limits.pixels, failOn: 'error', sequentialRead: true })
  const { format, compression, autoOrient } = await input.metadata()
  if (format === undefined || !FORMATS.has(format))
    throw expected('a JPEG, PNG, WebP, AVIF or GIF image', where, format, 'UNSUPPORTED_IMAGE')
  if (format === 'heif' && compression !== 'av1')
    throw expected(
      'a JPEG, PNG, WebP, AVIF or GIF image',
      where,
      `HEIC (${compression ?? 'unknown compression'}), for which this build has no decoder`,
      'UNSUPPORTED_IMAGE',
    )
  const upright = input.autoOrient()
  if (view !== undefined) upright.extract(rectangle(view, autoOrient)).flop(view.mirrored)
  return upright.toColourspace('srgb').flatten({ background: '#ffffff' })
}

function rectangle(view: View, { width, height }: { width: number; height: number }): Region {
  const left = Math.floor(view.left * width)
  const top = Math.floor(view.top * height)
  return {
    left,
    top,
    width: Math.min(width - left, Math.max(1, Math.round(view.width * width))),
    height: Math.min(height - top, Math.max(1, Math.round(view.height * height))),
  }
}

function asImageError(
  error: unknown,
  image: string | Uint8Array,
  where: string,
  limits: ImageLimits,
): ShowtellError {
  if (error instanceof ShowtellError) return error
  const message = messageOf(error)
  if (/exceeds pixel limit/i.test(message))
    return new ShowtellError(
      'IMAGE_TOO_LARGE',
      `Expected at most ${limits.pixels} pixels in ${where} but received more`,
      {
        where,
        cause: error,
      },
    )
  if (typeof image === 'string' && /missing|ENOENT|no such file/i.test(message))
    return new ShowtellError('NOT_FOUND', `Expected an image file at ${where} but found none`, {
      where,
      cause: error,
    })
  if (/unsupported image format/i.test(message))
    return new ShowtellError(
      'UNSUPPORTED_IMAGE',
      `Expected a JPEG, PNG, WebP, AVIF or GIF image in ${where} but its content is none of them`,
      {
        where,
        cause: error,
      },
    )
  return new ShowtellError(
    'INVALID_IMAGE',
    `Expected a whole image in ${where} but decoding failed: ${message.split('\n')[0]}`,
    {
      where,
      cause: error,
    },
  )
}
