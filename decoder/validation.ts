import { type Example, inBatches, makeBatch } from '../data/batches.js'
import type { Vocabulary } from '../data/vocabulary.js'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { expected } from '../errors.js'
import { scoreCider } from '../metrics/cider.js'
import { meanScores, type Scores } from '../metrics/scores.js'
import { beamSearch } from '../search/beam.js'
import { ahead } from './ahead.js'
import { constraintsOf } from './captioning.js'
import type { Decoder } from './decoder.js'
import { captionOptionsSchema } from './options.js'
import type { PhotoFeatures, PhotoInput } from './photo-features.js'
import { teacherForcingLoss } from './teacher-forcing.js'
import { tensorFlowModel } from './tensorflow-model.js'

/** Photos at once. */
const BATCH = 32

/** What a decoder is found to be on photos that it is not trained on. */
export interface Measured {
  /** Mean negative log-likelihood of the captions by teacher forcing, nats a word. */
  readonly loss: number
  /** CIDEr-D of `said`, see `ciderByStyle`. */
  readonly cider: number
  /** The words that the search finds for each photo that could be read, with its defaults, in the photo's own style. */
  readonly said: readonly (readonly string[])[]
}

/** How good a decoder is on photos that it is not trained on. */
export class Validation {
  constructor(
    private readonly ops: TensorFlowOps,
    private readonly decoder: Decoder,
    private readonly vocabulary: Vocabulary,
    private readonly examples: readonly Example[],
    private readonly features: PhotoFeatures,
    private readonly batchOptions: { readonly captionsPerImage: number; readonly maxLength: number },
  ) {}

  /** @throws ShowtellError INVALID_DATA where no photo can be read. */
  async measure(weights: Weights<Tensor>): Promise<Measured> {
    const { ops } = this
    let total = 0
    let words = 0
    const seen: Example[] = []
    const said: string[][] = []
    const batches = inBatches([...this.examples.keys()], BATCH)
    for await (const { indices, input } of ahead(batches, (batch) => this.read(batch))) {
      if (indices.length === 0) continue
      const tensor = ops.tensor(input.data, input.shape)
      const held = [tensor]
      try {
        const features = ops.scope(() => this.features.of(ops, weights, tensor))
        held.push(features)
        const { loss, counted } = this.likelihood(weights, indices, features)
        total += loss * counted
        words += counted
        const examples = indices.map((index) => this.examples[index]!)
        seen.push(...examples)
        said.push(...(await this.captions(weights, examples, features)))
      } finally {
        ops.dispose(held)
      }
    }
    if (seen.length === 0) throw expected('a photo that can be read', 'validation', 'none', 'INVALID_DATA')
    return { loss: total / words, cider: ciderByStyle(said, seen).corpus, said }
  }

  private async read(batch: readonly number[]): Promise<{ indices: number[]; input: PhotoInput }> {
    const input = await this.features.input(batch.map((index) => this.examples[index]!))
    return { indices: input.read.map((position) => batch[position]!), input }
  }

  /** Nats a word of the captions, and of how many words. */
  private likelihood(
    weights: Weights<Tensor>,
    indices: readonly number[],
    features: Tensor,
  ): { loss: number; counted: number } {
    const { ops } = this
    const options = { ...this.batchOptions, seed: 0, epoch: 0 }
    const batch = makeBatch(this.examples, indices, this.vocabulary, options)
    const loss = ops.scope(() => teacherForcingLoss(ops, this.decoder, weights, batch, features))
    const value = ops.read(loss)[0]!
    ops.dispose([loss])
    return { loss: value, counted: batch.mask.reduce((sum, counts) => sum + counts, 0) }
  }

  private async captions(
    weights: Weights<Tensor>,
    examples: readonly Example[],
    features: Tensor,
  ): Promise<string[][]> {
    const { ops, decoder, vocabulary } = this
    const options = captionOptionsSchema.parse({})
    const model = tensorFlowModel(ops, decoder, weights, features)
    try {
      const found = await beamSearch(model, {
        constraints: constraintsOf(vocabulary, options),
        start: examples.map(({ style }) => vocabulary.startOf(style)),
        count: 1,
        beamSize: options.beamSize,
        lengthPenalty: options.lengthPenalty,
      })
      return found.map((hypotheses) => vocabulary.decode(hypotheses[0]!.tokens))
    } finally {
      model.dispose()
    }
  }
}

/**
 * CIDEr-D, 0 to 10, of a caption a photo; document frequencies are those of the references of the photo's style. The
 * corpus score is the mean over all photos.
 */
export function ciderByStyle(
  captions: readonly (readonly string[])[],
  examples: readonly Pick<Example, 'style' | 'captions'>[],
): Scores {
  const perImage = new Array<number>(examples.length).fill(0)
  for (const style of new Set(examples.map((example) => example.style))) {
    const own = [...examples.keys()].filter((i) => examples[i]!.style === style)
    const scores = scoreCider(
      own.map((i) => captions[i]!),
      own.map((i) => examples[i]!.captions),
    )
    for (const [at, i] of own.entries()) perImage[i] = scores.perImage[at]!
  }
  return meanScores(perImage)
}
