import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backend } from '../engine/backends.js'
import { OnnxOps } from '../engine/onnx.js'
import { OnnxGraph } from '../engine/onnx-graph.js'
import { readSafetensors, writeSafetensors } from '../engine/safetensors.js'
import { openSession, unlessMissing } from '../engine/session.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { type Array32, type Encoder, parametersOf, runBlocks } from './encoder.js'
import { fewAtOnce, joined } from './few-at-once.js'

/** An encoder ready to run. */
export interface FeatureExtractor {
  /** `onnx`, or the backend of TensorFlow.js. */
  readonly engine: string
  /**
   * Pixels uint8 [images, size, size, 3] → features [images, regions, channels], row by row.
   * @param signal ends it, in TensorFlow.js, before the next few photos.
   */
  features(pixels: Uint8Array, images: number, signal?: AbortSignal): Promise<Float32Array>
  dispose(): Promise<void>
}

/** An encoder, or the first of its blocks. */
export type Network = Pick<Encoder, 'imageSize' | 'blocks'>

/** What is ready to run of an encoder may be its first blocks only. */
export interface NetworkRunner extends FeatureExtractor {
  /** Pixels uint8 [images, size, size, 3] → what the last block gives, one entry an image. */
  run(pixels: Uint8Array, images: number, signal?: AbortSignal): Promise<Array32>
}

/**
 * Runs an encoder, or the first of its blocks, in onnxruntime, or in TensorFlow.js where that does not load;
 * `onFallback` is told why.
 */
export function openExtractor(
  network: Network,
  weights: Readonly<Record<string, Array32>>,
  onFallback: (reason: string) => void,
  backend: Backend | 'auto' = 'auto',
): Promise<NetworkRunner> {
  return unlessMissing(
    () => onnxExtractor(network, weights),
    (reason) => {
      onFallback(reason)
      return tensorFlowExtractor(network, weights, backend)
    },
  )
}

/** Runs an encoder in TensorFlow.js. @throws ShowtellError ENGINE_UNAVAILABLE. */
export async function tensorFlowExtractor(
  { imageSize, blocks }: Network,
  weights: Readonly<Record<string, Array32>>,
  backend: Backend | 'auto',
): Promise<NetworkRunner> {
  const engine = await useBackend(backend)
  const ops = new TensorFlowOps()
  const loaded = ops.tensors(parametersOf(blocks), (name) => weights[name]!.data)
  const runFew = (pixels: Uint8Array, images: number): Array32 => {
    let x = ops.tensor(pixels, [images, imageSize, imageSize, 3])
    // A scope a block: in one for all of them, what every layer gives would stay until the last has run.
    for (const block of blocks) {
      const input = x
      x = ops.scope(() => block.run(ops, loaded, input))
      ops.dispose([input])
    }
    const values = { shape: x.shape, data: ops.read(x) as Float32Array }
    ops.dispose([x])
    return values
  }
  return runner(engine, {
    async run(pixels, images, signal) {
      const parts = await fewAtOnce(pixels, images, runFew, signal)
      const data = parts.map((part) => part.data)
      return { shape: [images, ...parts[0]!.shape.slice(1)], data: joined(Float32Array, data) }
    },
    dispose: async () => ops.dispose(Object.values(loaded)),
  })
}

/** Runs an encoder in onnxruntime, from a temporary folder that goes with it. @throws ShowtellError ENGINE_UNAVAILABLE. */
export async function onnxExtractor(
  network: Network,
  weights: Readonly<Record<string, Array32>>,
): Promise<NetworkRunner> {
  const folder = await mkdtemp(join(tmpdir(), 'showtell-encoder-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    const graph = await record(network, weights, folder)
    const session = await openSession(graph, { threads: availableParallelism() })
    const size = network.imageSize
    return runner('onnx', {
      async run(pixels, images) {
        const { output } = await session.run({ pixels: { data: pixels, dims: [images, size, size, 3] } })
        return { shape: output!.dims, data: output!.data as Float32Array }
      },
      async dispose() {
        await session.close()
        await remove()
      },
    })
  } catch (error) {
    await remove()
    throw error
  }
}

function runner(engine: string, { run, dispose }: Pick<NetworkRunner, 'run' | 'dispose'>): NetworkRunner {
  return { engine, run, dispose, features: async (...given) => (await run(...given)).data }
}

/** Writes a network as an ONNX graph, its weights beside it in float32, and returns the path of the graph. */
async function record(
  { imageSize, blocks }: Network,
  weights: Readonly<Record<string, Array32>>,
  folder: string,
): Promise<string> {
  const file = 'weights.safetensors'
  await writeSafetensors(
    join(folder, file),
    parametersOf(blocks).map(({ name }) => ({ name, type: 'F32', ...weights[name]! })),
  )
  const graph = new OnnxGraph('encoder')
  const recorded = graph.weights(await readSafetensors(join(folder, file)), file)
  const pixels = graph.input('pixels', 'uint8', ['images', imageSize, imageSize, 3])
  const output = runBlocks(new OnnxOps(graph), blocks, recorded, pixels)
  const sizes = Array.from({ length: output.rank - 1 }, (_, axis) => `size${axis + 1}`)
  graph.output('output', output, ['images', ...sizes])
  const path = join(folder, 'encoder.onnx')
  await writeFile(path, graph.encode())
  return path
}
