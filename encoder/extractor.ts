import { type Backend, TensorFlowOps, useBackend } from '../engine/tensorflow.js'
import type { Array32, Encoder } from './encoder.js'

/** An encoder ready to run. */
export interface FeatureExtractor {
  readonly engine: string
  /** Pixels uint8 [images, size, size, 3] → features [images, regions, channels], row by row. */
  features(pixels: Uint8Array, images: number): Promise<Float32Array>
  dispose(): void
}

/** Runs an encoder in TensorFlow.js. */
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
    dispose: () => ops.dispose(Object.values(loaded)),
  }
}
