import { type Example, makeBatch } from '../data/batches.js'
import type { Vocabulary } from '../data/vocabulary.js'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { scoreCider } from '../metrics/cider.js'
import { meanScores, type Scores } from '../metrics/scores.js'
import { beamSearch } from '../search/beam.js'
import { constraintsOf } from './captioning.js'
import type { Decoder } from './decoder.js'
import { captionOptionsSchema } from './options.js'
import type { PhotoFeatures } from './photo-features.js'
import { teacherForcingLoss } from './teacher-forcing.js'
import { tensorFlowModel } from './tensorflow-model.js'

/** Photos at once. */
const BATCH = 32

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

  /** Mean negative log-likelihood of the captions, nats a word, by teacher forcing. */
  loss(weights: Weights<Tensor>): number {
    const { ops } = this
    let total = 0
    let words = 0
    for (const indices of this.batches()) {
      const batch = makeBatch(this.examples, indices, this.vocabulary, {
        ...this.batchOptions,
        seed: 0,
        epoch: 0,
      })
      const features = this.features.of(batch.keys)
      const loss = ops.scope(() => teacherForcingLoss(ops, this.decoder, weights, batch, features))
      const counted = batch.mask.reduce((sum, value) => sum + value, 0)
      total += ops.read(loss)[0]! * counted
      words += counted
      ops.dispose([features, loss])
    }
    return total / words
  }

  /** The words that the search finds for each photo, with its defaults, in the photo's own style. */
  async captions(weights: Weights<Tensor>): Promise<string[][]> {
    const said: string[][] = []
    for (const indices of this.batches()) said.push(...(await this.captionsOf(weights, indices)))
    return said
  }

  /** CIDEr-D of captions of the photos, see `ciderByStyle`. */
  async cider(weights: Weights<Tensor>): Promise<number> {
    return ciderByStyle(await this.captions(weights), this.examples).corpus
  }

  private async captionsOf(weights: Weights<Tensor>, indices: readonly number[]): Promise<string[][]> {
    const { ops, decoder, vocabulary } = this
    const options = captionOptionsSchema.parse({})
    const examples = indices.map((index) => this.examples[index]!)
    const features = this.features.of(examples.map(({ key }) => key))
    const started = ops.scope(() => decoder.start(ops, weights, features))
    ops.dispose([features])
    const model = tensorFlowModel(ops, decoder, weights, examples.length, started)
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

  private batches(): number[][] {
    const order = [...this.examples.keys()]
    return Array.from({ length: Math.ceil(order.length / BATCH) }, (_, i) =>
      order.slice(i * BATCH, (i + 1) * BATCH),
    )
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
