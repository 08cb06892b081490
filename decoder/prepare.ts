import { join } from 'node:path'
import type { FeatureStore } from '../data/feature-store.js'
import { type EncoderShape, regionsOf } from '../encoder/encoder.js'
import type { FeatureExtractor } from '../encoder/extractor.js'
import { decodeImage } from '../encoder/image.js'
import { messageOf, type ShowtellError } from '../errors.js'

export interface Preparation {
  readonly done: number
  readonly total: number
  readonly skipped: readonly { readonly file: string; readonly reason: string }[]
}

/**
 * Fills a feature store with the photos of a folder, under their file names; those it has are passed over. Decoding
 * of the next photos goes on while the encoder works. A photo that cannot be read is reported and left out.
 * @param signal ends it between two batches; what is done is kept.
 */
export async function prepareFeatures(
  store: FeatureStore,
  encoder: EncoderShape,
  extractor: FeatureExtractor,
  folder: string,
  files: readonly string[],
  progress: (state: Preparation) => void,
  signal?: AbortSignal,
): Promise<Preparation> {
  const missing = files.filter((file) => !store.has(file))
  const skipped: { file: string; reason: string }[] = []
  const pixelsOf = encoder.imageSize ** 2 * 3
  const featuresOf = regionsOf(encoder) * encoder.channels
  const decode = (batch: readonly string[]): Promise<(Uint8Array | ShowtellError)[]> =>
    Promise.all(
      batch.map((file) => decodeImage(join(folder, file), encoder.imageSize).catch((error) => error)),
    )

  let done = files.length - missing.length
  let ahead = decode(missing.slice(0, BATCH))
  for (let from = 0; from < missing.length && !signal?.aborted; from += BATCH) {
    const batch = missing.slice(from, from + BATCH)
    const images = await ahead
    ahead = decode(missing.slice(from + BATCH, from + 2 * BATCH))
    const good = batch.filter((_, i) => images[i] instanceof Uint8Array)
    batch.forEach((file, i) => {
      if (!(images[i] instanceof Uint8Array)) skipped.push({ file, reason: messageOf(images[i]) })
    })
    if (good.length > 0) {
      const pixels = new Uint8Array(good.length * pixelsOf)
      for (const [i, file] of good.entries())
        pixels.set(images[batch.indexOf(file)] as Uint8Array, i * pixelsOf)
      const features = await extractor.features(pixels, good.length)
      for (const [i, file] of good.entries())
        store.append(file, features.subarray(i * featuresOf, (i + 1) * featuresOf))
    }
    done += good.length
    progress({ done, total: files.length, skipped })
  }
  await ahead
  store.flush()
  return { done, total: files.length, skipped }
}

const BATCH = 16
