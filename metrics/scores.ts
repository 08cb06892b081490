import { expected } from '../errors.js'

/** What a metric says of a set of captioned images. */
export interface Scores {
  readonly corpus: number
  /** One value an image, in the order of the images. */
  readonly perImage: readonly number[]
  /** The corpus score that a set of these images would have, an image as often as its index is listed. */
  resample(images: ArrayLike<number>): number
}

/**
 * Whether every candidate has references to be scored against.
 * @throws ShowtellError INVALID_ARGUMENT
 */
export function checkReferences(
  candidates: readonly unknown[],
  references: readonly (readonly unknown[])[],
): void {
  if (references.length !== candidates.length)
    throw expected(`references of ${candidates.length} images`, 'references', references.length)
  const none = references.findIndex(({ length }) => length === 0)
  if (none >= 0) throw expected('at least one reference', `references[${none}]`, 0)
}

/** The scores of a metric whose corpus score is the mean over the images. */
export function meanScores(perImage: readonly number[]): Scores {
  const resample = (images: ArrayLike<number>): number => {
    let sum = 0
    for (let i = 0; i < images.length; i++) sum += perImage[images[i] ?? -1] ?? 0
    return images.length === 0 ? 0 : sum / images.length
  }
  return { corpus: resample(perImage.map((_, image) => image)), perImage, resample }
}

/**
 * What a corpus score that is no mean is made of: counts, as many of each image, in one row.
 * @returns the sums over a set of images, an image as often as its index is listed
 */
export function summing(rows: readonly (readonly number[])[]): (images: ArrayLike<number>) => number[] {
  const width = rows[0]?.length ?? 0
  const counts = Float64Array.from(rows.flat())
  return (images) => {
    const sums = new Float64Array(width)
    for (let i = 0; i < images.length; i++) {
      const from = (images[i] ?? 0) * width
      for (let column = 0; column < width; column++) sums[column]! += counts[from + column]!
    }
    return [...sums]
  }
}

/** Of nothing 0. */
export function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
