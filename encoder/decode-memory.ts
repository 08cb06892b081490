import type { ImageFormat } from './structure.js'

/** What the head of a file tells of the picture in it. */
export interface Picture {
  readonly format: ImageFormat
  readonly width: number
  readonly height: number
  readonly channels: number
  /** Bytes of a channel of a pixel. */
  readonly depth: number
  /** PNG in seven passes (interlaced), JPEG in several scans. */
  readonly isProgressive: boolean
  /** By EXIF, 1 to 8: from 3 on it has to be turned to be upright. */
  readonly orientation?: number | undefined
  /** A part of it is cut out before that is scaled. */
  readonly isCut?: boolean
  /** Of a JPEG: those of a pixel, 3 in colour, less where some of its channels have fewer of them. */
  readonly coefficients?: number
  /** Of an AVIF: those of the pictures that it is put together from. */
  readonly decodedPixels?: number
}

/** JPEGs are decoded at a part of their size, if that is still larger than what is wanted. */
const SHRINKS = [8, 4, 2]

/**
 * Most bytes it takes to decode a picture and scale it down to `size` pixels a side: measured with sharp 0.35
 * (libvips 8.18, libaom 3.15) on pictures of 10 to 40 million pixels, rounded up.
 */
export function decodeBytes(picture: Picture, size: number): number {
  const { format, width, height, channels, depth, isProgressive, orientation = 1, isCut = false } = picture
  const { coefficients = channels, decodedPixels = 0 } = picture
  const pixels = Math.max(width * height, decodedPixels)
  const scale = isCut ? 1 : Math.max(1, Math.min(width, height) / size)
  // To be cut it is turned first, for which all of it has to be there.
  const turned = isCut && orientation > 2 ? channels * depth * width * height : 0
  switch (format) {
    case 'jpeg': {
      const shrink = SHRINKS.find((factor) => scale >= factor + 1) ?? 1
      // Several scans need all coefficients, two bytes each, before the first pixel.
      const all = isProgressive ? 2 * coefficients * pixels : 0
      return turned + all + stripeBytes(width / shrink, height / shrink, channels, size)
    }
    case 'png':
      return (
        turned +
        (isProgressive ? channels * depth * pixels : 0) +
        stripeBytes(width, height, channels * depth, size)
      )
    case 'webp':
      // The picture of a lossless one, and the frame of an animation, whole; the rest at the size that is wanted, or
      // whole too where it is cut.
      return turned + (isCut ? 9 : 4.5) * pixels + stripeBytes(width / scale, height / scale, 4, size)
    case 'gif':
      return 6 * pixels + stripeBytes(width, height, 4, size)
    case 'heif':
      // What libaom knows of each block of 4 × 4 pixels, planes, RGB.
      return (depth > 1 ? 27 : 20) * pixels
  }
}

/** libvips reads from top to bottom and keeps the rows from which it works out 16 rows of the answer, and some more. */
function stripeBytes(width: number, height: number, bytesOfPixel: number, size: number): number {
  const rows = Math.min(height, (24 * height) / size + 1024)
  return 2.5 * bytesOfPixel * width * rows
}

interface Waiting {
  readonly bytes: number
  readonly start: () => void
}

/** Memory for decoding, over all photos that are decoded at once: they wait for one another, in order. */
export class DecodeMemory {
  #used = 0
  readonly #waiting: Waiting[] = []

  /** @param bytes of all photos together; one that needs more alone is not for this memory. */
  constructor(readonly bytes: number) {}

  /** Works once there is room for so many bytes. @throws RangeError when there never will be. */
  async use<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (bytes > this.bytes) throw new RangeError(`Expected at most ${this.bytes} bytes but received ${bytes}`)
    await new Promise<void>((start) => {
      this.#waiting.push({ bytes, start })
      this.#startNext()
    })
    try {
      return await work()
    } finally {
      this.#used -= bytes
      this.#startNext()
    }
  }

  #startNext(): void {
    for (;;) {
      const [next] = this.#waiting
      if (next === undefined || this.#used + next.bytes > this.bytes) return
      this.#waiting.shift()
      this.#used += next.bytes
      next.start()
    }
  }
}
