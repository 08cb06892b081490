import type { Batch } from '../data/batches.js'
import type { Vocabulary } from '../data/vocabulary.js'
import type { Encoder } from '../encoder/encoder.js'
import { type NetworkRunner, openExtractor } from '../encoder/extractor.js'
import type { Backend } from '../engine/backends.js'
import type { Weights } from '../engine/ops.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { dataSum } from '../engine/training-state.js'
import { expected } from '../errors.js'
import { type Bundle, decoderWeightsOf, encoderAt, encoderWeightsOf } from './bundle.js'
import { wordLogits } from './word-logits.js'

interface Teacher {
  readonly bundle: Bundle
  readonly encoder: Encoder
  readonly extractor: NetworkRunner
  /** Of the decoder. */
  readonly weights: Weights<Tensor>
}

/** Captioners that a training learns from beside what people wrote. */
export class Teachers {
  private constructor(
    private readonly ops: TensorFlowOps,
    private readonly teachers: readonly Teacher[],
  ) {}

  /** @throws ShowtellError INVALID_ARGUMENT for a bundle whose encoder is a graph. */
  static async open(
    bundles: readonly Bundle[],
    backend: Backend,
    onFallback: (reason: string) => void,
  ): Promise<Teachers> {
    const ops = new TensorFlowOps()
    const teachers: Teacher[] = []
    const opened = new Teachers(ops, teachers)
    try {
      for (const bundle of bundles) {
        const encoder = encoderAt(bundle)
        const values = decoderWeightsOf(bundle)
        const extractor = await openExtractor(encoder, encoderWeightsOf(bundle), onFallback, backend)
        const weights = ops.tensors(bundle.decoder.parameters, (name) => values[name]!)
        teachers.push({ bundle, encoder, extractor, weights })
      }
    } catch (error) {
      await opened.close()
      throw error
    }
    return opened
  }

  /** What a training that goes on has to agree with. */
  get sum(): string {
    return dataSum(this.teachers.map(({ bundle }) => bundle.config.files))
  }

  /** @throws ShowtellError INVALID_ARGUMENT for a teacher that has other words, or the same in another order. */
  checkVocabulary(vocabulary: Vocabulary): void {
    const words = JSON.stringify(vocabulary)
    const other = this.teachers.find(({ bundle }) => JSON.stringify(bundle.vocabulary) !== words)
    if (other !== undefined)
      throw expected(`the ${vocabulary.wordCount} words of this training`, other.bundle.path, 'others')
  }

  /**
   * What each teacher sees of some photos: its features, [images, regions, channels].
   * @param pixelsAt the photos as squares of a side, uint8
   */
  async see(pixelsAt: (side: number) => Promise<Uint8Array>, images: number): Promise<Float32Array[]> {
    const seen: Float32Array[] = []
    for (const { encoder, extractor } of this.teachers)
      seen.push(await extractor.features(await pixelsAt(encoder.imageSize), images))
    return seen
  }

  /**
   * The mean of the teachers' probabilities of each word of a batch, after the true words before it (Hinton, Vinyals and
   * Dean 2015, "Distilling the knowledge in a neural network", section 2, at temperature 1): [words, vocabulary], a tensor
   * of its own.
   * @param seen what `see` gave
   */
  probabilities(batch: Batch, seen: readonly Float32Array[]): Tensor {
    const { ops, teachers } = this
    return ops.scope(() => {
      const each = teachers.map(({ bundle: { decoder }, weights }, i) => {
        const { regions, channels } = decoder.config
        const features = ops.input(seen[i]!, [batch.images, regions, channels])
        return ops.softmax(wordLogits(ops, decoder, weights, batch, features).logits)
      })
      const sum = each.reduce((sum, one) => ops.add(sum, one))
      return ops.mul(sum, ops.constant([1 / each.length], [], 'float32'))
    })
  }

  async close(): Promise<void> {
    for (const { extractor, weights } of this.teachers) {
      this.ops.dispose(Object.values(weights))
      await extractor.dispose()
    }
  }
}

/** Mean cross-entropy of words under what the teachers hold likely, nats a word. @param taught [words, vocabulary] */
export function distillationLoss(ops: TensorFlowOps, logits: Tensor, taught: Tensor): Tensor {
  const ofWords = ops.sum(ops.mul(taught, ops.logSoftmax(logits)), 1)
  return ops.mul(ops.mean(ofWords, 0), ops.constant([-1], [], 'float32'))
}
