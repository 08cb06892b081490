import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import type { CellState } from '../rnn/cell.js'
import { sequenceModel } from '../rnn/sequence-model.js'
import type { Decoder } from './decoder.js'
import type { PhotoModel } from './runtime.js'

/**
 * The decoder over some photos in TensorFlow.js, as the search walks it.
 * @param features [images, regions, channels] of the photos; they stay the caller's.
 * @param noise gives numbers that are added to each step's log-probabilities, [images · hypotheses · vocabulary].
 */
export function tensorFlowModel(
  ops: TensorFlowOps,
  decoder: Decoder,
  weights: Weights<Tensor>,
  features: Tensor,
  noise?: (values: number) => Float32Array,
): PhotoModel {
  const { vocabularySize } = decoder.config
  const { memory, state: started } = ops.scope(() => decoder.start(ops, weights, features))
  const advance = (tokens: Tensor, state: CellState<Tensor>) => {
    const step = decoder.step(ops, weights, tokens, memory, state)
    if (noise === undefined) return step
    const heard = ops.input(noise(tokens.size * vocabularySize), [...tokens.shape, vocabularySize])
    return { ...step, logProbs: ops.add(step.logProbs, heard) }
  }
  return {
    ...sequenceModel(ops, features.shape[0]!, vocabularySize, started, advance),
    dispose: () => ops.dispose([memory.regions, ...(memory.keys === undefined ? [] : [memory.keys])]),
  }
}
