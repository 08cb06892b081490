import type { Ops, Weights } from '../engine/ops.js'

/** A weight as plain numbers, row by row. */
export interface Array32 {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** Weights under the names of the file they come from. */
export type ForeignWeights = (name: string) => Array32

/** What one has to know of an encoder to store and decode its features. */
export interface EncoderShape {
  readonly name: string
  /** Side of the square of RGB pixels that goes in. */
  readonly imageSize: number
  /** Rows and columns of the grid that comes out; regions are listed row by row. */
  readonly grid: readonly [number, number]
  readonly channels: number
  /**
   * Smallest and largest feature the store keeps: one byte a value spans it. `measured` where the largest depends on
   * the weights (a relu without bound).
   */
  readonly range: readonly [number, number] | 'measured'
}

/** A convolutional network that turns pixels into a grid of features. Weights are those of `importWeights`. */
export interface Encoder extends EncoderShape {
  /** Names of the weights in the order of the layers, for fine-tuning the last of them. */
  readonly blocks: readonly (readonly string[])[]
  /**
   * Batch norm folded into the convolutions before it, filters as [height, width, in, out].
   * @throws ShowtellError INVALID_DATA naming a weight that is missing or has another shape.
   */
  importWeights(foreign: ForeignWeights): Record<string, Array32>
  /** Pixels uint8 [images, size, size, 3] → features [images, regions, channels]; preprocessing is part of it. */
  features<T>(ops: Ops<T>, weights: Weights<T>, pixels: T): T
}

/** Regions of an encoder's grid. */
export function regionsOf(encoder: EncoderShape): number {
  return encoder.grid[0] * encoder.grid[1]
}
