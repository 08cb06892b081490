import { type BatchOptions, batchesOfEpoch, type Example } from '../data/batches.js'
import { expected } from '../errors.js'
import { ahead } from './ahead.js'
import type { PhotoFeatures, PhotoInput } from './photo-features.js'
import type { TrainingConfig } from './recipe.js'

/** The photos of a step. */
export interface StepPhotos {
  readonly epoch: number
  /** In the training examples; those that could be read. */
  readonly indices: readonly number[]
  readonly input: PhotoInput
}

/** Which photos each step of a training learns from; a pure function of the seed, so that a training goes on at any step. */
export class Schedule {
  readonly stepsAnEpoch: number
  readonly totalSteps: number
  /** Those of one epoch are kept. */
  private known: { readonly epoch: number; readonly batches: readonly number[][] } | undefined

  constructor(
    private readonly examples: readonly Example[],
    private readonly features: PhotoFeatures,
    private readonly config: Pick<
      TrainingConfig,
      'epochs' | 'imagesPerBatch' | 'captionsPerImage' | 'maxLength' | 'seed'
    >,
  ) {
    this.stepsAnEpoch = Math.ceil(examples.length / config.imagesPerBatch)
    this.totalSteps = this.stepsAnEpoch * config.epochs
  }

  /** The photos of every step from one on, those of the next being read while a step runs. */
  from(step: number): AsyncGenerator<StepPhotos, void, undefined> {
    const left = Array.from({ length: Math.max(0, this.totalSteps - step) }, (_, i) => step + i)
    return ahead(left, (each) => this.photosOf(each))
  }

  /** How captions are drawn in an epoch. */
  batchOptions(epoch: number): BatchOptions {
    const { captionsPerImage, maxLength, seed } = this.config
    return { captionsPerImage, maxLength, seed, epoch }
  }

  /**
   * Where nothing of a batch can be read, the one before it in its epoch stands in, before the first the last: every
   * attempt to go on would end at that step.
   */
  private async photosOf(step: number): Promise<StepPhotos> {
    const epoch = Math.floor(step / this.stepsAnEpoch)
    const batches = this.batches(epoch)
    for (let back = 0; back < batches.length; back++) {
      const indices = batches.at((step % this.stepsAnEpoch) - back)!
      const photos = indices.map((index) => this.examples[index]!)
      const input = await this.features.input(photos, { seed: this.config.seed, epoch })
      if (input.read.length > 0)
        return { epoch, indices: input.read.map((position) => indices[position]!), input }
    }
    throw expected('a photo that can be read', `step ${step + 1}`, 'none', 'INVALID_DATA')
  }

  private batches(epoch: number): readonly number[][] {
    if (this.known?.epoch !== epoch) {
      const { imagesPerBatch } = this.config
      const options = { ...this.batchOptions(epoch), imagesPerBatch }
      this.known = { epoch, batches: batchesOfEpoch(this.examples, options) }
    }
    return this.known.batches
  }
}
