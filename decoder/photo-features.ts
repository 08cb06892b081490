import type { Example } from '../data/batches.js'
import type { FeatureStore } from '../data/feature-store.js'
import { viewKey } from '../encoder/view.js'
import type { Parameter, Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { Random } from '../random.js'
import type { Teachers } from './distillation.js'

export type Photo = Pick<Example, 'key' | 'style' | 'views' | 'pass'>

/** Each epoch of a training, and each pass over the photos in one, another view of a photo is drawn. */
export interface Draw {
  readonly seed: number
  readonly epoch: number
}

/** What is known of photos before a weight that is being trained comes in; one entry a photo that could be read. */
export interface PhotoInput {
  /** Which of the photos could be read. */
  readonly read: readonly number[]
  readonly shape: readonly number[]
  readonly data: Float32Array | Uint8Array
  /** What each teacher sees of them, see `Teachers`; where there are any, and the photos are to train on. */
  readonly taught?: readonly Float32Array[]
}

/** Where the features of a batch come from. */
export interface PhotoFeatures {
  /** For messages. */
  readonly source: string
  /** sha256 of the encoder's weights before training. */
  readonly weightsSum: string
  readonly regions: number
  readonly channels: number
  /** What is trained beside the decoder, under names that begin with `encoder.`, and where it begins. */
  readonly parameters: readonly Parameter[]
  readonly initial: Readonly<Record<string, Float32Array>>
  /** Who sees the photos too. */
  readonly teachers?: Teachers | undefined
  /** Without a draw the photos as they are. May be asked for the next photos while the last are used. */
  input(photos: readonly Photo[], draw?: Draw): Promise<PhotoInput>
  /** What `input` gave as a tensor → [images, regions, channels], differentiable by the weights; a tensor of its own. */
  of(ops: TensorFlowOps, weights: Weights<Tensor>, input: Tensor): Tensor
}

/** Features of an encoder that is not trained, from a feature store. */
export class StoredFeatures implements PhotoFeatures {
  readonly parameters = []
  readonly initial = {}

  constructor(private readonly store: FeatureStore) {}

  get source(): string {
    return this.store.path
  }

  get weightsSum(): string {
    return this.store.header.weights
  }

  get regions(): number {
    return this.store.header.regions
  }

  get channels(): number {
    return this.store.header.channels
  }

  async input(photos: readonly Photo[], draw?: Draw): Promise<PhotoInput> {
    const { regions, channels } = this
    const data = new Float32Array(photos.length * regions * channels)
    for (const [image, photo] of photos.entries())
      this.store.readInto(
        draw === undefined ? photo.key : drawnView(photo, draw),
        data,
        image * regions * channels,
      )
    return { read: [...photos.keys()], shape: [photos.length, regions, channels], data }
  }

  of(ops: TensorFlowOps, _: Weights<Tensor>, input: Tensor): Tensor {
    return ops.reshape(input, [0, 0, -1])
  }
}

function drawnView(photo: Photo, draw: Draw): string {
  const { key, views = 1 } = photo
  return viewKey(key, viewRandom(photo, draw).below(views))
}

/** What draws the view of a photo. */
export function viewRandom({ key, pass = 0 }: Photo, { seed, epoch }: Draw): Random {
  return new Random(seed, 'view', epoch + pass, key)
}
