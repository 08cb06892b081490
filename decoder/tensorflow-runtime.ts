import { type Backend, type Tensor, TensorFlowOps, useBackend } from '../engine/tensorflow.js'
import type { CellState } from '../rnn/cell.js'
import { type Bundle, weightsOf } from './bundle.js'
import type { Memory } from './decoder.js'
import type { Runtime } from './runtime.js'

/** Runs the same definitions in TensorFlow.js: slower, for where onnxruntime does not load. */
export async function tensorFlowRuntime(bundle: Bundle, backend: Backend | 'auto'): Promise<Runtime> {
  const engine = await useBackend(backend)
  const ops = new TensorFlowOps()
  const load = (prefix: 'encoder' | 'decoder'): Record<string, Tensor> =>
    Object.fromEntries(
      Object.entries(weightsOf(bundle.weights, prefix)).map(([name, { data, shape }]) => [
        name,
        ops.tensor(data, shape),
      ]),
    )
  const weights = { encoder: load('encoder'), decoder: load('decoder') }
  const { decoder, encoder } = bundle
  const { vocabularySize } = decoder.config
  return {
    engine,
    async encode(pixels, images, alignment) {
      const input = ops.tensor(pixels, [images, encoder.imageSize, encoder.imageSize, 3])
      const started = ops.scope(() =>
        decoder.start(ops, weights.decoder, encoder.features(ops, weights.encoder, input)),
      )
      ops.dispose([input])
      const memory: Memory<Tensor> = started.memory
      return {
        images,
        vocabularySize,
        start: async () => started.state,
        async step(tokens, state, k, bias) {
          const shape = [images, tokens.length / images]
          const stepped = ops.scope(() => {
            const step = decoder.step(
              ops,
              weights.decoder,
              ops.input(tokens, shape),
              memory,
              state as CellState<Tensor>,
            )
            const top = ops.topK(ops.add(step.logProbs, ops.input(bias, [vocabularySize])), k)
            return {
              top,
              state: step.state,
              ...(step.alignment === undefined ? {} : { alignment: step.alignment }),
            }
          })
          const { top, alignment: looked } = stepped
          const continuations = {
            tokens: ops.read(top.indices) as Int32Array,
            logProbs: ops.read(top.values) as Float32Array,
            ...(alignment && looked !== undefined ? { alignment: ops.read(looked) as Float32Array } : {}),
          }
          ops.dispose([top.indices, top.values, ...(looked === undefined ? [] : [looked])])
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
    },
    async close() {
      ops.dispose([...Object.values(weights.encoder), ...Object.values(weights.decoder)])
    },
  }
}
