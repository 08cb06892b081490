import { join } from 'node:path'
import { type FeatureStore, isKey } from '../data/feature-store.js'
import { type EncoderShape, regionsOf } from '../encoder/encoder.js'
import type { FeatureExtractor } from '../encoder/extractor.js'
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
  const pixelsOf = encoder.imageSize ** 2 * 3
  const featuresOf = regionsOf(encoder) * encoder.channels
  const decode = async (batch: typeof missing) => ({
    batch,
    images: await Promise.all(
      batch.map(
        ({ file, view }): Promise<Uint8Array | ShowtellError> =>
          decodeImage(join(folder, file), encoder.imageSize, undefined, undefined, view).catch(
            (error) => error,
          ),
      ),
    ),
  })

  let done = wanted.length - missing.length
  progress({ done, total: wanted.length, skipped })
  const batches = Array.from({ length: Math.ceil(missing.length / BATCH) }, (_, i) =>
    missing.slice(i * BATCH, (i + 1) * BATCH),
  )
  for await (const { batch, images } of ahead(batches, decode)) {
    if (signal?.aborted) break
    const good = batch.filter((_, i) => images[i] instanceof Uint8Array)
    batch.forEach(({ file }, i) => {
      // Once a photo, not once a view: those of a photo come one after the other.
      if (!(images[i] instanceof Uint8Array) && skipped.at(-1)?.file !== file)
        skipped.push({ file, reason: messageOf(images[i]) })
    })
    if (good.length > 0) {
      const pixels = new Uint8Array(good.length * pixelsOf)
      for (const [i, item] of good.entries())
        pixels.set(images[batch.indexOf(item)] as Uint8Array, i * pixelsOf)
      const features = await extractor.features(pixels, good.length)
      for (const [i, { key }] of good.entries())
        store.append(key, features.subarray(i * featuresOf, (i + 1) * featuresOf))
    }
    done += good.length
    progress({ done, total: wanted.length, skipped })
  }
  store.flush()
  return { done, total: wanted.length, skipped }
}

const BATCH = 16
