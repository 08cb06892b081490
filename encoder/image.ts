import { open } from 'node:fs/promises'
import sharp, { type Metadata, type Region, type Sharp } from 'sharp'
import { expected, messageOf, ShowtellError } from '../errors.js'
import { DecodeMemory, decodeBytes, type Picture } from './decode-memory.js'
import { checkStructure, formatOf, type ImageFormat, otherKind } from './structure.js'
import type { View } from './view.js'

export interface ImageLimits {
  /**
   * Most pixels of a photo, width times height, checked before anything is decoded. Those of a JPEG of more than ten scans
   * count for as many more.
   */
  readonly pixels: number
  /** What all photos that are decoded at once may take; a photo that needs more alone is refused. */
  readonly memory: DecodeMemory
}

export const DEFAULT_IMAGE_LIMITS: ImageLimits = Object.freeze({
  // Phones make 200 million. The memory that decoding takes is bounded by itself.
  pixels: 250_000_000,
  memory: new DecodeMemory(2 ** 30),
})

/** A common progressive JPEG has about so many; of one that has more its pixels count for as many more. */
const USUAL_SCANS = 10

/** Against what no limit above knows of; a photo takes a small part of it. */
const MOST_SECONDS = 60

/**
 * Takes from sharp, in the whole process, what it could open beside photos: SVG, PDF, TIFF and whatever else it was
 * built with. `decodeImage` refuses these anyhow; this is for a process that strangers send files to.
 */
export function blockOtherLoaders(): void {
  sharp.block({ operation: ['VipsForeignLoad'] })
  const photos = ['Jpeg', 'Png', 'Webp', 'Heif', 'Nsgif']
  sharp.unblock({ operation: photos.map((name) => `VipsForeignLoad${name}`) })
}

/**
 * Has libvips, in the whole process, keep nothing of the photos that were decoded: it would hold the last hundred
 * operations in case one is asked for again. For a process that sees each photo once.
 */
export function keepNothing(): void {
  sharp.cache(false)
}

/**
 * Decodes a photo to RGB pixels [size, size, 3], uint8 row by row: upright by its EXIF orientation, alpha on white,
 * grey and CMYK as RGB, first frame of an animation, the whole image squashed to the square with a cubic kernel.
 * @param where the name of the photo in errors.
 * @param view what of the photo is wanted; all of it when absent.
 * @throws ShowtellError UNSUPPORTED_IMAGE, IMAGE_TOO_LARGE, INVALID_IMAGE, NOT_FOUND, or INVALID_ARGUMENT for what is
 * neither a path nor bytes.
 */
export async function decodeImage(
  image: string | Uint8Array,
  size: number,
  where: string = nameOf(image),
  limits: ImageLimits = DEFAULT_IMAGE_LIMITS,
  view?: View,
): Promise<Uint8Array> {
  try {
    const photo = await openPhoto(image, where, size, limits, view)
    const pixels = await limits.memory.use(photo.bytes, () =>
      photo.upright
        .resize(size, size, { fit: 'fill', kernel: 'cubic' })
        .raw()
        .timeout({ seconds: MOST_SECONDS })
        .toBuffer(),
    )
    return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength)
  } catch (error) {
    throw asImageError(error, image, where)
  }
}

/**
 * Looks at a photo without decoding it.
 * @throws ShowtellError as `decodeImage`, of what can be known before.
 */
export async function checkImage(
  image: string | Uint8Array,
  size: number,
  limits: ImageLimits,
  where: string = nameOf(image),
): Promise<void> {
  try {
    await openPhoto(image, where, size, limits)
  } catch (error) {
    throw asImageError(error, image, where)
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
 * @param where the name of the photo in errors.
 * @throws ShowtellError as decodeImage.
 */
export async function thumbnailOf(
  image: string | Uint8Array,
  side: number,
  where: string = nameOf(image),
): Promise<Thumbnail> {
  try {
    const photo = await openPhoto(image, where, side, DEFAULT_IMAGE_LIMITS)
    const { data, info } = await DEFAULT_IMAGE_LIMITS.memory.use(photo.bytes, () =>
      photo.upright
        .resize(side, side, { fit: 'inside', withoutEnlargement: true })
        .jpeg()
        .toBuffer({ resolveWithObject: true }),
    )
    return { jpeg: data, width: info.width, height: info.height }
  } catch (error) {
    throw asImageError(error, image, where)
  }
}

function nameOf(image: string | Uint8Array): string {
  return typeof image === 'string' ? image : 'the image'
}

/** A photo that may be decoded: upright, in sRGB, alpha on white. */
interface OpenPhoto {
  readonly upright: Sharp
  /** Most memory that decoding it takes. */
  readonly bytes: number
}

/** Everything that can be known of a photo before it is decoded. */
async function openPhoto(
  image: string | Uint8Array,
  where: string,
  size: number,
  limits: ImageLimits,
  view?: View,
): Promise<OpenPhoto> {
  const { bytes, format } = await recognise(image, where)
  const other = otherKind(bytes)
  if (other !== undefined) throw expected('an image and nothing else', where, other, 'UNSUPPORTED_IMAGE')
  const found = await checkStructure(bytes, format)
  // failOn 'error' lets warnings pass (odd metadata) and refuses a truncated file. With a limit sharp would not tell the
  // size of a photo beyond it.
  const head = await sharp(bytes, { limitInputPixels: false, failOn: 'error' }).metadata()
  if (head.format !== format) throw unsupported(where, head.format)
  if (format === 'heif' && head.compression !== 'av1')
    throw unsupported(
      where,
      `HEIC (${head.compression ?? 'unknown compression'}), for which this build has no decoder`,
    )
  const { width, height } = head
  if (width * height > limits.pixels) throw tooManyPixels(where, limits, `${width} × ${height}`)
  const { decodedPixels = 0, scans = 0 } = found
  if (decodedPixels > limits.pixels) throw tooManyPixels(where, limits, decodedPixels)
  const scanned = (width * height * scans) / USUAL_SCANS
  if (scanned > limits.pixels)
    throw tooManyPixels(where, limits, `${width} × ${height} in ${scans} scans, as much as ${scanned}`)
  const cut = cutOf(view, head.autoOrient)
  const needed = decodeBytes({ ...asPicture(head, format), ...found, isCut: cut !== undefined }, size)
  if (needed > limits.memory.bytes)
    throw new ShowtellError(
      'IMAGE_TOO_LARGE',
      `Expected at most ${limits.memory.bytes} bytes to decode ${where} but it takes ${Math.round(needed)}`,
      { where },
    )
  const input = sharp(bytes, { limitInputPixels: limits.pixels, failOn: 'error', sequentialRead: true })
  const upright = input.autoOrient().flop(view?.mirrored ?? false)
  // Only where it is a part: sharp does not scale a JPEG while it reads it if anything is to be cut out.
  if (cut !== undefined) upright.extract(cut)
  // What has a profile and more than 8 bits sharp takes to P3, which would then be read as sRGB.
  if (head.space === 'rgb16') upright.pipelineColourspace('srgb')
  return { upright: upright.toColourspace('srgb').flatten({ background: '#ffffff' }), bytes: needed }
}

/** The bytes of a photo, of which a file that is none is not read any further than its head. */
async function recognise(
  image: string | Uint8Array,
  where: string,
): Promise<{ bytes: Uint8Array; format: ImageFormat }> {
  if (image instanceof Uint8Array) return { bytes: image, format: formatIn(image, where) }
  // The types forbid it; JavaScript does not.
  if (typeof image !== 'string') throw expected('a path, a URL of a file or bytes', where, image)
  const file = await open(image)
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(16), position: 0 })
    const format = formatIn(buffer.subarray(0, bytesRead), where)
    return { bytes: await file.readFile(), format }
  } finally {
    await file.close()
  }
}

function formatIn(head: Uint8Array, where: string): ImageFormat {
  if (head.length === 0) throw new Error('it is empty')
  const format = formatOf(head)
  if (format === undefined) throw unsupported(where, 'none of them')
  return format
}

function asPicture(head: Metadata, format: ImageFormat): Picture {
  const { width, height, channels, depth, isProgressive, orientation } = head
  return { format, width, height, channels, depth: depth === 'uchar' ? 1 : 2, isProgressive, orientation }
}

function unsupported(where: string, received: string | undefined): ShowtellError {
  return new ShowtellError(
    'UNSUPPORTED_IMAGE',
    `Expected a JPEG, PNG, WebP, AVIF or GIF image in ${where} but received ${received ?? 'another'}`,
    { where },
  )
}

function tooManyPixels(where: string, { pixels }: ImageLimits, received: number | string): ShowtellError {
  const message = `Expected at most ${pixels} pixels in ${where} but received ${received}`
  return new ShowtellError('IMAGE_TOO_LARGE', message, { where })
}

/** What a view cuts out of an upright photo, pixels; undefined where that is all of it. */
function cutOf(view: View | undefined, photo: { width: number; height: number }): Region | undefined {
  if (view === undefined) return undefined
  const left = Math.floor(view.left * photo.width)
  const top = Math.floor(view.top * photo.height)
  const width = Math.min(photo.width - left, Math.max(1, Math.round(view.width * photo.width)))
  const height = Math.min(photo.height - top, Math.max(1, Math.round(view.height * photo.height)))
  return width < photo.width || height < photo.height ? { left, top, width, height } : undefined
}

function asImageError(error: unknown, image: string | Uint8Array, where: string): ShowtellError {
  if (error instanceof ShowtellError) return error
  const message = messageOf(error)
  if (typeof image === 'string' && (error as NodeJS.ErrnoException).code === 'ENOENT')
    return new ShowtellError('NOT_FOUND', `Expected an image file at ${where} but found none`, {
      where,
      cause: error,
    })
  if (/unsupported image format/i.test(message)) return unsupported(where, undefined)
  return new ShowtellError(
    'INVALID_IMAGE',
    `Expected a whole image in ${where} but decoding failed: ${message.split('\n')[0]}`,
    {
      where,
      cause: error,
    },
  )
}
