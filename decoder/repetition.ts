import type { Batch } from '../data/batches.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'

/**
 * The words of content that a caption has said before each position, [positions, vocabulary] of 0 and 1. The word that
 * stands there is none of them, even if it stood before: people may repeat themselves.
 * @param positions in the batch, rising
 * @param content [vocabulary] 1 for a word of content
 */
export function saidBefore(batch: Batch, positions: Int32Array, content: Uint8Array): Float32Array {
  const { length, tokens, targets } = batch
  const said = new Float32Array(positions.length * content.length)
  for (const [row, position] of positions.entries()) {
    const start = position - (position % length)
    for (const token of tokens.subarray(start, position + 1))
      if (content[token] === 1 && token !== targets[position]) said[row * content.length + token] = 1
  }
  return said
}

/**
 * The probability of saying one of the words `said` again, a mean over positions: what unlikelihood training lowers
 * (Welleck et al. 2020, "Neural text generation with unlikelihood training", section 5.1; −log(1 − p) there, of which
 * this is the first term).
 * @param logits [positions, vocabulary]
 */
export function repetitionLoss(ops: TensorFlowOps, logits: Tensor, said: Float32Array): Tensor {
  const again = ops.mul(ops.softmax(logits), ops.input(said, logits.shape))
  return ops.mean(ops.sum(again, 1), 0)
}
