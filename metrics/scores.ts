/** What a metric says of a set of captioned images. */
export interface Scores {
  readonly corpus: number
  /** One value an image, in the order of the images. */
  readonly perImage: readonly number[]
  /** The corpus score that a set of these images would have, an image as often as its index is listed. */
  resample(images: ArrayLike<number>): number
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
