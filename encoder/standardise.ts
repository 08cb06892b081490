import type { Ops } from '../engine/ops.js'

/** Mean and deviation of each colour, on the scale of the bytes. */
export interface Standardisation {
  readonly mean: readonly [number, number, number]
  readonly deviation: readonly [number, number, number]
}

/** torchvision's: .485 .456 .406 and .229 .224 .225 of a pixel in [0, 1]. */
export const IMAGENET: Standardisation = Object.freeze<Standardisation>({
  mean: [0.485 * 255, 0.456 * 255, 0.406 * 255],
  deviation: [0.229 * 255, 0.224 * 255, 0.225 * 255],
})

/** Pixels uint8 [images, height, width, 3] → (pixel − mean) / deviation, float32. */
export function standardise<T>(ops: Ops<T>, pixels: T, { mean, deviation }: Standardisation): T {
  const centred = ops.sub(ops.cast(pixels, 'float32'), ops.constant(mean, [3], 'float32'))
  const scale = deviation.map((d) => 1 / d)
  return ops.mul(centred, ops.constant(scale, [3], 'float32'))
}
