import { type Example, makeBatch } from '../data/batches.js'
import type { Vocabulary } from '../data/vocabulary.js'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { scoreCider } from '../metrics/cider.js'
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

  /**
   * CIDEr-D of the captions that the search finds with its defaults, each photo in its own style; document frequencies
   * are those of its style's references. A mean over the photos.
   */
  async cider(weights: Weights<Tensor>): Promise<number> {
    const said: string[][] = []
    for (const indices of this.batches()) said.push(...(await this.captions(weights, indices)))
    let total = 0
    for (const style of new Set(this.examples.map((example) => example.style))) {
      const own = [...this.examples.keys()].filter((i) => this.examples[i]!.style === style)
      const { perImage } = scoreCider(
        own.map((i) => said[i]!),
        own.map((i) => this.examples[i]!.captions),
      )
      total += perImage.reduce((sum, score) => sum + score, 0)
    }
    return total / this.examples.length
  }

  private async captions(weights: Weights<Tensor>, indices: readonly number[]): Promise<string[][]> {
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
