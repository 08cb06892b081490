import { dirname, join } from 'node:path'
import { type FeatureExtractor, tensorFlowExtractor } from '../encoder/extractor.js'
import { loadMobilenetGraph } from '../encoder/mobilenet-graph.js'
import type { Backend } from '../engine/backends.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { expected } from '../errors.js'
import type { CellState } from '../rnn/cell.js'
import { type Bundle, GRAPH, isGraph, weightsOf } from './bundle.js'
import type { Memory } from './decoder.js'
import type { Runtime } from './runtime.js'

/**
 * Runs the same definitions in TensorFlow.js: slower, for where onnxruntime does not load, and for an encoder that is
 * a graph. @throws ShowtellError ENGINE_UNAVAILABLE, INVALID_BUNDLE.
 */
export async function tensorFlowRuntime(bundle: Bundle, backend: Backend | 'auto'): Promise<Runtime> {
  const extractor = await extractorOf(bundle, backend)
  const ops = new TensorFlowOps()
  const { decoder } = bundle
  const weights = Object.fromEntries(
    Object.entries(weightsOf(bundle.weights, 'decoder')).map(([name, { data, shape }]) => [
      name,
      ops.tensor(data, shape),
    ]),
  )
  const { vocabularySize, regions, channels } = decoder.config
  return {
    engine: extractor.engine,
    async encode(pixels, images, alignment) {
      const features = ops.tensor(await extractor.features(pixels, images), [images, regions, channels])
      const started = ops.scope(() => decoder.start(ops, weights, features))
      ops.dispose([features])
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
              weights,
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
      ops.dispose(Object.values(weights))
      await extractor.dispose()
    },
  }
}

async function extractorOf(
  { encoder, weights, path, config }: Bundle,
  backend: Backend | 'auto',
): Promise<FeatureExtractor> {
  if (!isGraph(encoder)) return tensorFlowExtractor(encoder, weightsOf(weights, 'encoder'), backend)
  const file = join(path, GRAPH)
  const graph = await loadMobilenetGraph(file, backend, encoder.inputRange)
  const unknown = [...graph.files.keys()].find(
    (name) => config.files[`${dirname(GRAPH)}/${name}`] === undefined,
  )
  if (unknown !== undefined)
    throw expected('a shard whose sha256 the config has', file, unknown, 'INVALID_BUNDLE')
  if (String([graph.grid, graph.channels]) !== String([encoder.grid, encoder.channels]))
    throw expected(
      `a grid of ${encoder.grid.join(' × ')} and ${encoder.channels} channels`,
      file,
      [...graph.grid, graph.channels],
      'INVALID_BUNDLE',
    )
  return graph
}
