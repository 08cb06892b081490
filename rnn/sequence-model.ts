import { setImmediate } from 'node:timers/promises'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import type { CellState } from './cell.js'

/** What a model says after one more token of each hypothesis. */
interface Said {
  /** [images, hypotheses, vocabulary] */
  readonly logProbs: Tensor
  /** [images, hypotheses, regions] */
  readonly alignment?: Tensor | undefined
  readonly state: CellState<Tensor>
}

/**
 * A recurrent model over some inputs in TensorFlow.js, as the search walks it: its `SequenceModel`, and whole rows.
 * @param started the state before the first token; its tensors are the model's from here on.
 * @param advance one step, for tokens int32 [images, hypotheses]
 */
export function sequenceModel(
  ops: TensorFlowOps,
  images: number,
  vocabularySize: number,
  started: CellState<Tensor>,
  advance: (tokens: Tensor, state: CellState<Tensor>) => Said,
) {
  const run = async <Name extends string>(
    tokens: Int32Array,
    state: CellState<Tensor>,
    bias: Float32Array,
    find: (logProbs: Tensor) => Readonly<Record<Name, Tensor>>,
  ) => {
    // What follows is done at once: here the process hears what else it is told, such as that nobody waits any more.
    await setImmediate()
    const { after, found } = ops.scope(() => {
      const said = advance(ops.input(tokens, [images, tokens.length / images]), state)
      const { alignment } = said
      const found = find(ops.add(said.logProbs, ops.input(bias, [vocabularySize])))
      return { after: said.state, found: { ...found, ...(alignment === undefined ? {} : { alignment }) } }
    })
    const tensors = Object.entries<Tensor>(found)
    const read = Object.fromEntries(tensors.map(([name, tensor]) => [name, ops.read(tensor)]))
    ops.dispose(tensors.map(([, tensor]) => tensor))
    const alignment = read.alignment as Float32Array | undefined
    return {
      read: read as Record<Name, Float32Array | Int32Array>,
      looked: alignment === undefined ? {} : { alignment },
      after,
    }
  }
  return {
    images,
    vocabularySize,
    start: async () => started,
    async step(tokens: Int32Array, state: CellState<Tensor>, k: number, bias: Float32Array) {
      const { read, looked, after } = await run(tokens, state, bias, (logProbs) => ops.topK(logProbs, k))
      const found = { tokens: read.indices as Int32Array, logProbs: read.values as Float32Array }
      return { continuations: { ...found, ...looked }, state: after }
    },
    /** Every log-probability, in the order of the tokens. */
    async rows(tokens: Int32Array, state: CellState<Tensor>, bias: Float32Array) {
      const { read, looked, after } = await run(tokens, state, bias, (logProbs) => ({ logProbs }))
      return { logProbs: read.logProbs as Float32Array, ...looked, state: after }
    },
    select(state: CellState<Tensor>, parents: Int32Array): CellState<Tensor> {
      return ops.scope(() => {
        const ids = ops.input(parents, [images, parents.length / images])
        return Object.fromEntries(
          Object.entries(state).map(([name, value]) => [name, ops.select(value, ids)]),
        )
      })
    },
    release: (state: CellState<Tensor>): void => ops.dispose(Object.values(state)),
  }
}
