import { join } from 'node:path'
import { expected } from '../errors.js'
import type { EncoderShape } from './encoder.js'
import type { FeatureExtractor } from './extractor.js'
import { decodeImage } from './image.js'

/** Photos looked at. */
const SAMPLE = 64
/** Above the largest value among them; a value beyond that is stored as the greatest. */
const HEADROOM = 1.25

/**
 * The range the store keeps of an encoder's features: the encoder's own, or, where that depends on its weights, from 0
 * to the largest feature of the first photos of a folder that can be read, a quarter more, rounded up.
 * @throws ShowtellError INVALID_DATA when no photo can be read or all their features are 0.
 */
export async function featureRange(
  encoder: EncoderShape,
  extractor: FeatureExtractor,
  folder: string,
  files: readonly string[],
): Promise<[number, number]> {
  if (encoder.range !== 'measured') return [...encoder.range]
  let largest = 0
  let seen = 0
  for (const file of files) {
    if (seen === SAMPLE) break
    const pixels = await decodeImage(join(folder, file), encoder.imageSize).catch(() => undefined)
    if (pixels === undefined) continue
    seen += 1
    for (const value of await extractor.features(pixels, 1)) largest = Math.max(largest, value)
  }
  if (largest === 0)
    throw expected(`a feature above 0 of ${encoder.name}`, folder, `${seen} photos without`, 'INVALID_DATA')
  return [0, Math.ceil(largest * HEADROOM)]
}
