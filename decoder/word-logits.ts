import type { Batch } from '../data/batches.js'
import { type Dropout, drawnMask } from '../engine/dropout.js'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import type { CellState } from '../rnn/cell.js'
import { unroll } from '../rnn/unroll.js'
import type { Decoder } from './decoder.js'

/** What a decoder says at the words of a batch. */
export interface WordLogits {
  /** [words, vocabulary], of the positions that have a target. */
  readonly logits: Tensor
  /** Which positions of [images, hypotheses, length] those are. */
  readonly positions: Int32Array
  /** Before the first word. */
  readonly start: CellState<Tensor>
}

/**
 * Scores of the words of a batch by teacher forcing (Williams and Zipser 1989): the true words go in whatever the model
 * would have said.
 * @param features [images, regions, channels]
 * @param dropout of word vectors, regions and outputs, and of what a layer of the stack hands to the next
 */
export function wordLogits(
  ops: TensorFlowOps,
  decoder: Decoder,
  weights: Weights<Tensor>,
  batch: Batch,
  features: Tensor,
  dropout?: Dropout,
): WordLogits {
  const { images, hypotheses, length } = batch
  const { layers, units, regions, regionSize, embeddingSize } = decoder.config
  const maskOf = (layer: string, ...shape: number[]) => drawnMask(ops, dropout, layer, shape)
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
  return { logits: decoder.project(ops, weights, kept), positions, start: started.state }
}
