import type { Batch } from '../data/batches.js'
import type { Dropout } from '../engine/dropout.js'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import type { Decoder } from './decoder.js'
import { distillationLoss } from './distillation.js'
import { photoWordsLoss } from './photo-words.js'
import { repetitionLoss, saidBefore } from './repetition.js'
import { wordLogits } from './word-logits.js'

export interface Regularisation extends Dropout {
  readonly labelSmoothing: number
}

/** What else a loss is made of. */
export interface LossOptions {
  readonly regularisation?: Regularisation | undefined
  /** What each caption's words count, [images, hypotheses]; the loss is then a sum and no mean. */
  readonly shares?: Float32Array | undefined
  /** How much of the loss is what teachers hold likely in place of the true words, and that, [words, vocabulary]. */
  readonly distillation?: { readonly weight: number; readonly taught: Tensor } | undefined
  /** How much the loss of the photos' words counts, and those words; see `photoWords`. */
  readonly photoWords?: { readonly weight: number; readonly wanted: Float32Array } | undefined
  /** How much the probability of saying a word of content again counts, and [vocabulary] 1 for a word of content. */
  readonly repetition?: { readonly weight: number; readonly content: Uint8Array } | undefined
}

/**
 * Mean negative log-likelihood of a batch's words, nats a word, by teacher forcing, and what else is learnt from. A scalar
 * tensor, differentiable.
 * @param features [images, regions, channels]
 */
export function teacherForcingLoss(
  ops: TensorFlowOps,
  decoder: Decoder,
  weights: Weights<Tensor>,
  batch: Batch,
  features: Tensor,
  { regularisation, shares, distillation, photoWords, repetition }: LossOptions = {},
): Tensor {
  const { logits, positions, start } = wordLogits(ops, decoder, weights, batch, features, regularisation)
  const targets = ops.input(
    positions.map((position) => batch.targets[position]!),
    [positions.length],
  )
  const losses = ops.crossEntropy(logits, targets, regularisation?.labelSmoothing ?? 0)
  const share = (position: number): number => shares![Math.floor(position / batch.length)]!
  const ofCaptions =
    shares === undefined
      ? ops.mean(losses, 0)
      : ops.sum(ops.mul(losses, ops.input(Float32Array.from(positions, share), [positions.length])), 0)
  const times = (weight: number, part: Tensor) => ops.mul(part, ops.constant([weight], [], 'float32'))
  const parts = [distillation === undefined ? ofCaptions : times(1 - distillation.weight, ofCaptions)]
  const add = (weight: number, part: Tensor) => parts.push(times(weight, part))
  if (distillation !== undefined) add(distillation.weight, distillationLoss(ops, logits, distillation.taught))
  if (photoWords !== undefined)
    add(photoWords.weight, photoWordsLoss(ops, decoder, weights, start, photoWords.wanted))
  if (repetition !== undefined)
    add(repetition.weight, repetitionLoss(ops, logits, saidBefore(batch, positions, repetition.content)))
  return parts.reduce((sum, part) => ops.add(sum, part))
}
