import { join } from 'node:path'
import { inBatches } from '../data/batches.js'
import { type FeatureStore, isKey } from '../data/feature-store.js'
import { type EncoderShape, regionsOf } from '../encoder/encoder.js'
import type { FeatureExtractor } from '../encoder/extractor.js'
import { joined } from '../encoder/few-at-once.js'
import { decodeImage } from '../encoder/image.js'
import { viewKey, viewOf } from '../encoder/view.js'
import { expected, messageOf, type ShowtellError } from '../errors.js'
import { ahead } from './ahead.js'

export interface Preparation {
  readonly done: number
  readonly total: number
  readonly skipped: readonly { readonly file: string; readonly reason: string }[]
}

/**
 * Fills a feature store with the photos of a folder, under their names in it (`2019/a.jpg`); those it has are passed over.
 * Decoding of the next photos goes on while the encoder works. A photo that cannot be read, or whose name no store can
 * hold, is reported and left out.
 * @param views of each photo, under the names that `viewKey` gives; 1 is the photos as they are.
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
  views = 1,
): Promise<Preparation> {
  const wanted = files.filter(isKey).flatMap((file) =>
    Array.from({ length: views }, (_, number) => ({
      file,
      key: viewKey(file, number),
      view: viewOf(file, number),
    })),
  )
  const missing = wanted.filter(({ key }) => !store.has(key))
  const skipped: { file: string; reason: string }[] = files
    .filter((file) => !isKey(file))
    .map((file) => ({ file, reason: messageOf(expected('a name of one line', 'a photo', file)) }))
  const featuresOf = regionsOf(encoder) * encoder.channels
  const decode = (batch: typeof missing) =>
    Promise.all(
      batch.map(async ({ file, key, view }) => {
        const decoded = decodeImage(join(folder, file), encoder.imageSize, undefined, undefined, view)
        return { file, key, image: await decoded.catch((error: ShowtellError) => error) }
      }),
    )

  let done = wanted.length - missing.length
  progress({ done, total: wanted.length, skipped })
  for await (const decoded of ahead(inBatches(missing, BATCH), decode)) {
    if (signal?.aborted) break
    const keys: string[] = []
    const pixels: Uint8Array[] = []
    for (const { file, key, image } of decoded)
      if (image instanceof Uint8Array) {
        keys.push(key)
        pixels.push(image)
      } else if (skipped.at(-1)?.file !== file)
        // Once a photo, not once a view: those of a photo come one after the other.
        skipped.push({ file, reason: messageOf(image) })
    if (keys.length > 0) {
      const features = await extractor.features(joined(Uint8Array, pixels), keys.length)
      for (const [i, key] of keys.entries())
        store.append(key, features.subarray(i * featuresOf, (i + 1) * featuresOf))
    }
    done += keys.length
    progress({ done, total: wanted.length, skipped })
  }
  store.flush()
  return { done, total: wanted.length, skipped }
}

const BATCH = 16
