import type { Batch } from '../data/batches.js'
import { type Dropout, drawnMask } from '../engine/dropout.js'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { unroll } from '../rnn/unroll.js'
import type { Decoder } from './decoder.js'
import { photoWordsLoss } from './photo-words.js'
import { repetitionLoss, saidBefore } from './repetition.js'

/** Dropped are word vectors, regions and outputs, and what a layer of the stack hands to the next. */
export interface Regularisation extends Dropout {
  readonly labelSmoothing: number
}

/** What else a loss is made of. */
export interface LossOptions {
  readonly regularisation?: Regularisation
  /** What each caption's words count, [images, hypotheses]; the loss is then a sum and no mean. */
  readonly shares?: Float32Array
  /** How much the loss of the photos' words counts, and those words; see `photoWords`. */
  readonly photoWords?: { readonly weight: number; readonly wanted: Float32Array }
  /** How much the probability of saying a word of content again counts, and [vocabulary] 1 for a word of content. */
  readonly repetition?: { readonly weight: number; readonly content: Uint8Array }
}

/**
 * Mean negative log-likelihood of a batch's words, nats a word, by teacher forcing (Williams and Zipser 1989): the
 * true words go in whatever the model would have said. A scalar tensor, differentiable.
 * @param features [images, regions, channels]
 */
export function teacherForcingLoss(
  ops: TensorFlowOps,
  decoder: Decoder,
  weights: Weights<Tensor>,
  batch: Batch,
  features: Tensor,
  { regularisation, shares, photoWords, repetition }: LossOptions = {},
): Tensor {
  const { images, hypotheses, length } = batch
  const { layers, units, regions, regionSize, embeddingSize } = decoder.config
  const maskOf = (layer: string, ...shape: number[]) => drawnMask(ops, regularisation, layer, shape)
  const dropped = (x: Tensor, mask: Tensor | undefined) => (mask === undefined ? x : ops.mul(x, mask))

  const started = decoder.start(ops, weights, features, maskOf('regions', images, regions, regionSize))
  const { memory } = started
  const everyCaption = ops.input(new Int32Array(images * hypotheses), [images, hypotheses])
  const start = Object.fromEntries(
    Object.entries(started.state).map(([name, value]) => [name, ops.select(value, everyCaption)]),
  )
  const words = dropped(
    decoder.embed(ops, weights, ops.input(batch.tokens, [images, hypotheses, length])),
    maskOf('words', images, hypotheses, length, embeddingSize),
  )
  // Of each layer but the last, one mask a word.
  const between = Array.from({ length: layers - 1 }, (_, i) =>
    maskOf(`layer${i + 1}`, images, hypotheses, length, units),
  )
    .filter((mask) => mask !== undefined)
    .map((mask) => ops.split(mask, length, 2).map((one) => ops.squeeze(one, 2)))
  const { outputs } = unroll(
    ops,
    (word, before, time) => {
      const masks = between.map((masksOf) => masksOf[time]!)
      return decoder.advance(ops, weights, word, memory, before, masks)
    },
    ops.split(words, length, 2).map((word) => ops.squeeze(word, 2)),
    start,
  )
  const spoken = outputs.map((output) => ops.expand(output, 2))
  const output = dropped(ops.concat(spoken, 2), maskOf('output', images, hypotheses, length, embeddingSize))
  // Only the positions with a target go through the output layer; its cost is the largest of a step.
  const positions = Int32Array.from(batch.mask.keys()).filter((position) => batch.mask[position] === 1)
  const kept = ops.gather(
    ops.reshape(output, [images * hypotheses * length, embeddingSize]),
    ops.input(positions, [positions.length]),
  )
  const logits = decoder.project(ops, weights, kept)
  const targets = ops.input(
    positions.map((position) => batch.targets[position]!),
    [positions.length],
  )
  const losses = ops.crossEntropy(logits, targets, regularisation?.labelSmoothing ?? 0)
  const share = (position: number): number => shares![Math.floor(position / length)]!
  const ofCaptions =
    shares === undefined
      ? ops.mean(losses, 0)
      : ops.sum(ops.mul(losses, ops.input(Float32Array.from(positions, share), [positions.length])), 0)
  const parts = [ofCaptions]
  const add = (weight: number, part: Tensor) =>
    parts.push(ops.mul(part, ops.constant([weight], [], 'float32')))
  if (photoWords !== undefined)
    add(photoWords.weight, photoWordsLoss(ops, decoder, weights, started.state, photoWords.wanted))
  if (repetition !== undefined)
    add(repetition.weight, repetitionLoss(ops, logits, saidBefore(batch, positions, repetition.content)))
  return parts.reduce((sum, part) => ops.add(sum, part))
}
