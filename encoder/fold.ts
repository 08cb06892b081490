import { expected } from '../errors.js'
import type { Array32, ForeignWeights } from './encoder.js'

/**
 * The same weights, those named in `shapes` held to their shape.
 * @throws ShowtellError INVALID_DATA naming the weight that has another.
 */
export function checked(
  foreign: ForeignWeights,
  shapes: Readonly<Record<string, readonly number[]>>,
): ForeignWeights {
  return (name) => {
    const weight = foreign(name)
    const shape = shapes[name]
    if (shape !== undefined && shape.join() !== weight.shape.join())
      throw expected(`shape [${shape.join(', ')}]`, name, weight.shape, 'INVALID_DATA')
    return weight
  }
}

/**
 * A convolution [out, in, height, width] and the batch norm behind it as one: filter [height, width, in, out] (a
 * depthwise one [height, width, channels, 1]) and bias [out], in the numbers of inference
 * (Ioffe and Szegedy 2015, algorithm 2).
 */
export function foldBatchNorm(
  foreign: ForeignWeights,
  convolution: string,
  norm: string,
  epsilon: number,
  depthwise = false,
): { filter: Array32; bias: Array32 } {
  const filter = foreign(`${convolution}.weight`)
  const [outputs] = filter.shape as [number]
  const [scale, shift, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
    vector(foreign, `${norm}.${part}`, outputs),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array]
  const factor = scale.map((s, o) => s / Math.sqrt(variance[o]! + epsilon))
  const bias = shift.map((b, o) => b - mean[o]! * factor[o]!)
  return {
    filter: transposeFilter(filter, depthwise, factor),
    bias: { shape: [outputs], data: bias },
  }
}

/** [out, in, height, width] → [height, width, in, out], depthwise [channels, 1, height, width] → [height, width, channels, 1]. */
export function transposeFilter(filter: Array32, depthwise: boolean, factor?: Float32Array): Array32 {
  const [outputs, inputs, height, width] = filter.shape as [number, number, number, number]
  const data = new Float32Array(filter.data.length)
  let from = 0
  for (let o = 0; o < outputs; o++) {
    const scale = factor === undefined ? 1 : factor[o]!
    for (let i = 0; i < inputs; i++)
      for (let cell = 0; cell < height * width; cell++) {
        data[(cell * inputs + i) * outputs + o] = filter.data[from++]! * scale
      }
  }
  return { shape: depthwise ? [height, width, outputs, 1] : [height, width, inputs, outputs], data }
}

function vector(foreign: ForeignWeights, name: string, length: number): Float32Array {
  const found = foreign(name)
  if (found.data.length !== length) throw expected(`${length} values`, name, found.shape, 'INVALID_DATA')
  return found.data
}
