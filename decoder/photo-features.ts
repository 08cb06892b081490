import type { FeatureStore } from '../data/feature-store.js'
import { viewKey } from '../encoder/view.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { expected } from '../errors.js'
import { Random } from '../random.js'
import type { DecoderConfig } from './decoder.js'

/** The features of photos as tensors, from a feature store. */
export class PhotoFeatures {
  /** @throws ShowtellError INVALID_DATA for features of another shape than the decoder's. */
  constructor(
    private readonly ops: TensorFlowOps,
    private readonly store: FeatureStore,
    private readonly shape: Pick<DecoderConfig, 'regions' | 'channels'>,
  ) {
    const { regions, channels } = store.header
    if (regions !== shape.regions || channels !== shape.channels)
      throw expected(
        `features ${shape.regions} × ${shape.channels}`,
        store.path,
        [regions, channels],
        'INVALID_DATA',
      )
  }

  /** [images, regions, channels]; the caller disposes of it. */
  of(keys: readonly string[]): Tensor {
    const { regions, channels } = this.shape
    const values = new Float32Array(keys.length * regions * channels)
    for (const [image, key] of keys.entries()) this.store.readInto(key, values, image * regions * channels)
    return this.ops.tensor(values, [keys.length, regions, channels])
  }

  /** One of the views of a photo that the store has, drawn anew each epoch. */
  viewed(key: string, seed: number, epoch: number): string {
    let views = 1
    while (this.store.has(viewKey(key, views))) views++
    return viewKey(key, new Random(seed, 'view', epoch, key).below(views))
  }
}
