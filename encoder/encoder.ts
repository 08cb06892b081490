import { initialize } from '../engine/initialize.js'
import type { Ops, Parameter, Weights } from '../engine/ops.js'

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

/**
 * A part of an encoder. The first takes pixels uint8 [images, size, size, 3], preprocessing is part of it; each other
 * takes what the one before gives; the last gives features [images, regions, channels].
 */
export interface Block {
  readonly parameters: readonly Parameter[]
  run<T>(ops: Ops<T>, weights: Weights<T>, x: T): T
}

/** A convolutional network that turns pixels into a grid of features. Weights are those of `importWeights`. */
export interface Encoder extends EncoderShape {
  /** From the pixels on. What lies before the first block of a paper belongs to the first, what lies behind the last to the last. */
  readonly blocks: readonly Block[]
  /** Pixels from one region to the next, where photos may be of other sizes: of any multiple. */
  readonly stride?: number
  /** What the file that weights come from calls the matrix [classes, channels] of the classifier, which is no part of the encoder. */
  readonly classifier?: string
  /**
   * Batch norm folded into the convolutions before it, filters as [height, width, in, out].
   * @throws ShowtellError INVALID_DATA naming a weight that is missing or has another shape.
   */
  importWeights(foreign: ForeignWeights): Record<string, Array32>
}

/** Blocks one after the other; all of an encoder's turn pixels into features. */
export function runBlocks<T>(ops: Ops<T>, blocks: readonly Block[], weights: Weights<T>, x: T): T {
  return blocks.reduce((before, block) => block.run(ops, weights, before), x)
}

/** In the order of the layers. */
export function parametersOf(blocks: readonly Block[]): Parameter[] {
  return blocks.flatMap(({ parameters }) => parameters)
}

/**
 * Filter and bias of a convolution, as many numbers as keep the size of what goes through a relu (He et al. 2015,
 * "Delving deep into rectifiers", section 2.2).
 * @param filter [height, width, in, out], of a depthwise one [height, width, channels, 1]
 */
export function convolution(
  layer: string,
  filter: readonly [number, number, number, number],
  depthwise = false,
): Parameter[] {
  const [height, width, inputs, outputs] = filter
  const fanIn = height * width * (depthwise ? 1 : inputs)
  return [
    { name: `${layer}.filter`, shape: filter, initializer: { uniform: Math.sqrt(6 / fanIn) } },
    { name: `${layer}.bias`, shape: [depthwise ? inputs : outputs], initializer: { parts: [0] } },
  ]
}

/** Weights of an encoder before any training. */
export function randomEncoder({ blocks }: Pick<Encoder, 'blocks'>, seed: number): Record<string, Array32> {
  const parameters = parametersOf(blocks)
  const drawn = initialize(parameters, seed)
  return Object.fromEntries(parameters.map(({ name, shape }) => [name, { shape, data: drawn[name]! }]))
}

/** Regions of an encoder's grid. */
export function regionsOf(encoder: EncoderShape): number {
  return encoder.grid[0] * encoder.grid[1]
}
