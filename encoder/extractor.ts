import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backend } from '../engine/backends.js'
import { OnnxOps } from '../engine/onnx.js'
import { OnnxGraph } from '../engine/onnx-graph.js'
import { readSafetensors, writeSafetensors } from '../engine/safetensors.js'
import { openSession, unlessMissing } from '../engine/session.js'
import { TensorFlowOps, useBackend } from '../engine/tensorflow.js'
import { type Array32, type Encoder, regionsOf } from './encoder.js'

/** An encoder ready to run. */
export interface FeatureExtractor {
  /** `onnx`, or the backend of TensorFlow.js. */
  readonly engine: string
  /** Pixels uint8 [images, size, size, 3] → features [images, regions, channels], row by row. */
  features(pixels: Uint8Array, images: number): Promise<Float32Array>
  dispose(): Promise<void>
}

/** Runs an encoder in onnxruntime, or in TensorFlow.js where that does not load; `onFallback` is told why. */
export function openExtractor(
  encoder: Encoder,
  weights: Readonly<Record<string, Array32>>,
  onFallback: (reason: string) => void,
): Promise<FeatureExtractor> {
  return unlessMissing(
    () => onnxExtractor(encoder, weights),
    (reason) => {
      onFallback(reason)
      return tensorFlowExtractor(encoder, weights, 'auto')
    },
  )
}

/** Runs an encoder in TensorFlow.js. @throws ShowtellError ENGINE_UNAVAILABLE. */
export async function tensorFlowExtractor(
  encoder: Encoder,
  weights: Readonly<Record<string, Array32>>,
  backend: Backend | 'auto',
): Promise<FeatureExtractor> {
  const engine = await useBackend(backend)
  const ops = new TensorFlowOps()
  const loaded = Object.fromEntries(
    Object.entries(weights).map(([name, { data, shape }]) => [name, ops.tensor(data, shape)]),
  )
  return {
    engine,
    async features(pixels, images) {
      const input = ops.tensor(pixels, [images, encoder.imageSize, encoder.imageSize, 3])
      const output = ops.scope(() => encoder.features(ops, loaded, input))
      const values = ops.read(output) as Float32Array
      ops.dispose([input, output])
      return values
    },
    dispose: async () => ops.dispose(Object.values(loaded)),
  }
}

/** Runs an encoder in onnxruntime, from a temporary folder that goes with it. @throws ShowtellError ENGINE_UNAVAILABLE. */
export async function onnxExtractor(
  encoder: Encoder,
  weights: Readonly<Record<string, Array32>>,
): Promise<FeatureExtractor> {
  const folder = await mkdtemp(join(tmpdir(), 'showtell-encoder-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    const graph = await record(encoder, weights, folder)
    const session = await openSession(graph, { threads: availableParallelism() })
    const size = encoder.imageSize
    return {
      engine: 'onnx',
      async features(pixels, images) {
        const { features } = await session.run({ pixels: { data: pixels, dims: [images, size, size, 3] } })
        return features!.data as Float32Array
      },
      async dispose() {
        await session.close()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Writes an encoder as an ONNX graph, its weights beside it in float32, and returns the path of the graph. */
async function record(
  encoder: Encoder,
  weights: Readonly<Record<string, Array32>>,
  folder: string,
): Promise<string> {
  const file = 'weights.safetensors'
  await writeSafetensors(
    join(folder, file),
    Object.entries(weights).map(([name, { shape, data }]) => ({ name, type: 'F32', shape, data })),
  )
  const graph = new OnnxGraph('encoder')
  const recorded = graph.weights(await readSafetensors(join(folder, file)), file)
  const pixels = graph.input('pixels', 'uint8', ['images', encoder.imageSize, encoder.imageSize, 3])
  const features = encoder.features(new OnnxOps(graph), recorded, pixels)
  graph.output('features', features, ['images', regionsOf(encoder), encoder.channels])
  const path = join(folder, 'encoder.onnx')
  await writeFile(path, graph.encode())
  return path
}
