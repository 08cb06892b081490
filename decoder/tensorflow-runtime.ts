import { dirname, join } from 'node:path'
import { type FeatureExtractor, tensorFlowExtractor } from '../encoder/extractor.js'
import { loadMobilenetGraph } from '../encoder/mobilenet-graph.js'
import type { Backend } from '../engine/backends.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { expected } from '../errors.js'
import { type Bundle, decoderWeightsOf, encoderWeightsOf, GRAPH, isGraph } from './bundle.js'
import type { Runtime } from './runtime.js'
import { tensorFlowModel } from './tensorflow-model.js'

/**
 * Runs the same definitions in TensorFlow.js: slower, for where onnxruntime does not load, and for an encoder that is
 * a graph. @throws ShowtellError ENGINE_UNAVAILABLE, INVALID_BUNDLE.
 */
export async function tensorFlowRuntime(
  bundle: Bundle,
  backend: Backend | 'auto',
): Promise<Runtime & { readonly engine: string }> {
  const extractor = await extractorOf(bundle, backend)
  const ops = new TensorFlowOps()
  const { decoder } = bundle
  const values = decoderWeightsOf(bundle)
  const weights = ops.tensors(decoder.parameters, (name) => values[name]!)
  const { regions, channels } = decoder.config
  return {
    engine: extractor.engine,
    async encode(pixels, images, _alignment, signal) {
      const seen = await extractor.features(pixels, images, signal)
      const features = ops.tensor(seen, [images, regions, channels])
      const model = tensorFlowModel(ops, decoder, weights, features)
      ops.dispose([features])
      return model
    },
    async close() {
      ops.dispose(Object.values(weights))
      await extractor.dispose()
    },
  }
}

async function extractorOf(bundle: Bundle, backend: Backend | 'auto'): Promise<FeatureExtractor> {
  const { encoder, path, config } = bundle
  if (!isGraph(encoder)) return tensorFlowExtractor(encoder, encoderWeightsOf(bundle), backend)
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
