import { setImmediate } from 'node:timers/promises'
import type { Weights } from '../engine/ops.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import type { CellState } from '../rnn/cell.js'
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
  return {
    images,
    vocabularySize,
    start: async () => started,
    async step(tokens, state, k, bias) {
      // What follows is done at once: here the process hears what else it is told, such as that nobody waits any more.
      await setImmediate()
      const shape = [images, tokens.length / images]
      const stepped = ops.scope(() => {
        const step = decoder.step(ops, weights, ops.input(tokens, shape), memory, state as CellState<Tensor>)
        const logProbs = ops.add(step.logProbs, ops.input(bias, [vocabularySize]))
        const heard =
          noise === undefined
            ? logProbs
            : ops.add(logProbs, ops.input(noise(tokens.length * vocabularySize), [...shape, vocabularySize]))
        return { ...step, top: ops.topK(heard, k) }
      })
      const { top, alignment, logProbs } = stepped
      const continuations = {
        tokens: ops.read(top.indices) as Int32Array,
        logProbs: ops.read(top.values) as Float32Array,
        ...(alignment === undefined ? {} : { alignment: ops.read(alignment) as Float32Array }),
      }
      ops.dispose([top.indices, top.values, logProbs, ...(alignment === undefined ? [] : [alignment])])
      return { continuations, state: stepped.state }
    },
    select(state, parents) {
      const shape = [images, parents.length / images]
      return ops.scope(() =>
        Object.fromEntries(
          Object.entries(state as CellState<Tensor>).map(([name, value]) => [
            name,
            ops.select(value, ops.input(parents, shape)),
          ]),
        ),
      )
    },
    release: (state) => ops.dispose(Object.values(state as CellState<Tensor>)),
    dispose: () => ops.dispose([memory.regions, ...(memory.keys === undefined ? [] : [memory.keys])]),
  }
}
