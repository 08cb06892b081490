/** Element types of a tensor. `uint8` only comes in as pixels. */
export type DType = 'float32' | 'int32' | 'uint8'

/** Zeros added on each side of the height and width of an image: [top, bottom, left, right]. */
export type Padding = readonly [number, number, number, number]

export interface Convolution {
  readonly stride: number
  readonly padding: Padding
}

/** Values by name; a model's parameters are one of these. */
export type Weights<T> = Readonly<Record<string, T>>

/**
 * How a parameter is filled before training: `glorot` is uniform within √(6 / (first + last dimension)) (Glorot and
 * Bengio 2010); `orthogonal` fills [n, k·n] with k orthogonal matrices side by side (Saxe et al. 2014); `parts` fills
 * equal parts of the last dimension with one number each, a part a gate.
 */
export type Initializer =
  | 'glorot'
  | 'orthogonal'
  | { readonly uniform: number }
  | { readonly parts: readonly number[] }

export interface Parameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly initializer: Initializer
}

/** How many numbers parameters hold. */
export function sizeOf(parameters: readonly Parameter[]): number {
  return parameters.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
}

/**
 * The one set of numeric operations. Cells, attention, encoders and the decoder are written against it once;
 * `TensorFlowOps` runs and differentiates them, `OnnxOps` records them into a graph.
 *
 * Model code never reads a batch size and branches on no value. Shapes broadcast as in NumPy. Axes count from 0.
 * Images are NHWC; filters are [height, width, input channels, output channels].
 */
export interface Ops<T> {
  /** A constant held in the graph: numbers row by row. Meant for a few values, not for weights. */
  constant(values: readonly number[], shape: readonly number[], dtype: 'float32' | 'int32'): T
  cast(x: T, dtype: 'float32' | 'int32'): T
  /** The size of the last axis of a weight or constant, known before anything runs (no other size is). */
  width(weight: T): number

  add(a: T, b: T): T
  sub(a: T, b: T): T
  mul(a: T, b: T): T
  sigmoid(x: T): T
  tanh(x: T): T
  relu(x: T): T
  /** min(max(x, 0), 6) */
  relu6(x: T): T
  /** Over the last axis. */
  softmax(x: T): T
  /** Over the last axis. */
  logSoftmax(x: T): T

  /** x [..., in] · weight [in, out] + bias [out] → [..., out]. x is float32 of rank 2 or more. */
  linear(x: T, weight: T, bias?: T): T
  /** Batched product: a [..., m, k] · b [..., k, n] → [..., m, n], leading axes equal, rank 2 to 4. */
  matMul(a: T, b: T): T
  /** [m, n] → [n, m]. */
  transpose(matrix: T): T

  concat(values: readonly T[], axis: number): T
  /** Cuts an axis into equal parts. */
  split(x: T, parts: number, axis: number): T[]
  /** 0 keeps the size at that position, at most one −1 takes the rest. */
  reshape(x: T, shape: readonly number[]): T
  /** Puts an axis of size 1 before `axis`. */
  expand(x: T, axis: number): T
  /** Takes away an axis of size 1. */
  squeeze(x: T, axis: number): T
  /** Rows of table [rows, width] for int32 ids of any shape [...] → [..., width]. */
  gather(table: T, ids: T): T
  /** Per image, entries of x [images, n, ...rest of rank 0 or more] by int32 ids [images, m] → [images, m, ...rest]. */
  select(x: T, ids: T): T
  /** Mean over one axis, which goes away. */
  mean(x: T, axis: number): T
  /** Sum over one axis, which goes away. */
  sum(x: T, axis: number): T

  /** x [n, h, w, in], filter [fh, fw, in, out], bias [out]. */
  conv2d(x: T, filter: T, bias: T, convolution: Convolution): T
  /** x [n, h, w, c], filter [fh, fw, c, 1], bias [c]. */
  depthwiseConv2d(x: T, filter: T, bias: T, convolution: Convolution): T
  /** x [n, h, w, c]; window `size` × `size`, no padding. */
  maxPool(x: T, size: number, stride: number): T

  /** The k largest along the last axis, in falling order: float32 values and int32 indices [..., k]. */
  topK(x: T, k: number): { values: T; indices: T }
}
