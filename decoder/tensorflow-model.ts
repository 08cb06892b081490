import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import type { CellState } from '../rnn/cell.js'
import { sequenceModel } from '../rnn/sequence-model.js'
import type { Decoder, Memory } from './decoder.js'
import type { PhotoModel } from './runtime.js'

/**
 * The decoder over some photos in TensorFlow.js, as the search walks it.
 * @param started what `decoder.start` gave of the photos; its tensors are the model's from here on.
 * @param noise gives numbers that are added to each step's log-probabilities, [images · hypotheses · vocabulary].
 */
export function tensorFlowModel(
  ops: TensorFlowOps,
  decoder: Decoder,
  weights: Weights<Tensor>,
  images: number,
  { memory, state: started }: { readonly memory: Memory<Tensor>; readonly state: CellState<Tensor> },
  noise?: (values: number) => Float32Array,
): PhotoModel {
  const { vocabularySize } = decoder.config
  const advance = (tokens: Tensor, state: CellState<Tensor>) => {
    const step = decoder.step(ops, weights, tokens, memory, state)
    if (noise === undefined) return step
    const heard = ops.input(noise(tokens.size * vocabularySize), [...tokens.shape, vocabularySize])
    return { ...step, logProbs: ops.add(step.logProbs, heard) }
  }
  return {
    ...sequenceModel(ops, images, vocabularySize, started, advance),
    dispose: () => ops.dispose([memory.regions, ...(memory.keys === undefined ? [] : [memory.keys])]),
  }
}
