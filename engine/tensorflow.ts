import * as tf from '@tensorflow/tfjs-core'
import { ShowtellError } from '../errors.js'
import { registerGradients } from './gradients.js'
import type { Convolution, Ops, Parameter } from './ops.js'
import { linear, SharedWeights } from './shared-weights.js'

/** A value of `TensorFlowOps`. */
export type Tensor = tf.Tensor

/**
 * The operations run eagerly, and differentiated, by TensorFlow.js on whichever backend is current.
 * Beside `Ops` it has what only training needs.
 */
export class TensorFlowOps implements Ops<tf.Tensor> {
  /** While gradients are being worked out. */
  private shared: SharedWeights | undefined

  /**
   * Frees what `run` allocated and does not return (TensorFlow.js' tidy). A typed array must not come out of it: tidy would
   * walk through every number looking for tensors.
   */
  scope<R>(run: () => R): R {
    return tf.tidy(run as () => tf.TensorContainer) as R
  }

  /** As `input`, but it lives until `dispose`. */
  tensor(data: Float32Array | Int32Array | Uint8Array, shape: readonly number[]): tf.Tensor {
    return tf.keep(this.input(data, shape))
  }

  /** The weights of a model as tensors that live until `dispose`, by their names. */
  tensors(
    parameters: readonly Pick<Parameter, 'name' | 'shape'>[],
    valuesOf: (name: string) => Float32Array,
  ): Record<string, tf.Tensor> {
    return Object.fromEntries(parameters.map(({ name, shape }) => [name, this.tensor(valuesOf(name), shape)]))
  }

  /** A tensor that the scope around it frees. uint8 becomes int32, which TensorFlow.js has instead. */
  input(data: Float32Array | Int32Array | Uint8Array, shape: readonly number[]): tf.Tensor {
    return tf.tensor(data, shape as number[], data instanceof Float32Array ? 'float32' : 'int32')
  }

  /** The values of a tensor, row by row. */
  read(x: tf.Tensor): Float32Array | Int32Array {
    return x.dataSync() as Float32Array | Int32Array
  }

  dispose(values: Iterable<tf.Tensor>): void {
    for (const value of values) value.dispose()
  }

  constant(values: readonly number[], shape: readonly number[], dtype: 'float32' | 'int32'): tf.Tensor {
    return tf.tensor(values as number[], shape as number[], dtype)
  }

  cast(x: tf.Tensor, dtype: 'float32' | 'int32'): tf.Tensor {
    return tf.cast(x, dtype)
  }

  width(weight: tf.Tensor): number {
    return weight.shape.at(-1)!
  }

  add(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return tf.add(a, b)
  }

  sub(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return tf.sub(a, b)
  }

  mul(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return tf.mul(a, b)
  }

  sigmoid(x: tf.Tensor): tf.Tensor {
    return tf.sigmoid(x)
  }

  tanh(x: tf.Tensor): tf.Tensor {
    return tf.tanh(x)
  }

  relu(x: tf.Tensor): tf.Tensor {
    return tf.relu(x)
  }

  relu6(x: tf.Tensor): tf.Tensor {
    return tf.relu6(x)
  }

  softmax(x: tf.Tensor): tf.Tensor {
    return tf.softmax(x)
  }

  logSoftmax(x: tf.Tensor): tf.Tensor {
    return tf.logSoftmax(x)
  }

  linear(x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
    return this.shared?.linear(x, weight, bias) ?? linear(x, weight, bias)
  }

  matMul(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
    return tf.matMul(a, b)
  }

  transpose(matrix: tf.Tensor): tf.Tensor {
    return tf.transpose(matrix)
  }

  concat(values: readonly tf.Tensor[], axis: number): tf.Tensor {
    return tf.concat(values as tf.Tensor[], axis)
  }

  split(x: tf.Tensor, parts: number, axis: number): tf.Tensor[] {
    // The gradient of a split into one part fails.
    return parts === 1 ? [tf.clone(x)] : tf.split(x, parts, axis)
  }

  reshape(x: tf.Tensor, shape: readonly number[]): tf.Tensor {
    return tf.reshape(
      x,
      shape.map((size, axis) => (size === 0 ? x.shape[axis]! : size)),
    )
  }

  expand(x: tf.Tensor, axis: number): tf.Tensor {
    return tf.expandDims(x, axis)
  }

  squeeze(x: tf.Tensor, axis: number): tf.Tensor {
    return tf.squeeze(x, [axis])
  }

  gather(table: tf.Tensor, ids: tf.Tensor): tf.Tensor {
    return gatherRows(table, ids)
  }

  select(x: tf.Tensor, ids: tf.Tensor): tf.Tensor {
    const [images, entries, ...rest] = x.shape as [number, number, ...number[]]
    const first = tf.mul(tf.range(0, images, 1, 'int32'), tf.scalar(entries, 'int32'))
    const rows = tf.add(ids, tf.reshape(first, [images, 1]))
    return gatherRows(tf.reshape(x, [images * entries, ...rest]), rows)
  }

  mean(x: tf.Tensor, axis: number): tf.Tensor {
    return tf.mean(x, axis)
  }

  sum(x: tf.Tensor, axis: number): tf.Tensor {
    return tf.sum(x, axis)
  }

  conv2d(x: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor, { stride, padding }: Convolution): tf.Tensor {
    const padded = padImage(x, padding)
    return tf.add(tf.conv2d(padded as tf.Tensor4D, filter as tf.Tensor4D, stride, 'valid'), bias)
  }

  depthwiseConv2d(
    x: tf.Tensor,
    filter: tf.Tensor,
    bias: tf.Tensor,
    { stride, padding }: Convolution,
  ): tf.Tensor {
    const padded = padImage(x, padding)
    return tf.add(tf.depthwiseConv2d(padded as tf.Tensor4D, filter as tf.Tensor4D, stride, 'valid'), bias)
  }

  maxPool(x: tf.Tensor, size: number, stride: number): tf.Tensor {
    return tf.maxPool(x as tf.Tensor4D, size, stride, 'valid')
  }

  topK(x: tf.Tensor, k: number): { values: tf.Tensor; indices: tf.Tensor } {
    return tf.topk(x, k)
  }

  /**
   * The value of `loss` (a scalar) and its gradient for every weight, as plain numbers.
   * @throws ShowtellError NUMERIC when the loss is not finite.
   */
  gradients(
    weights: Readonly<Record<string, tf.Tensor>>,
    loss: (weights: Readonly<Record<string, tf.Tensor>>) => tf.Tensor,
  ): { loss: number; gradients: Record<string, Float32Array> } {
    registerGradients()
    const names = Object.keys(weights)
    const run = tf.valueAndGrads((...values: tf.Tensor[]) => {
      this.shared = new SharedWeights()
      try {
        return loss(Object.fromEntries(names.map((name, i) => [name, values[i]!])))
      } finally {
        this.shared = undefined
      }
    })
    const { value, grads } = run(names.map((name) => weights[name]!))
    const read = (value.dataSync() as Float32Array)[0]!
    const gradients = Object.fromEntries(names.map((name, i) => [name, grads[i]!.dataSync() as Float32Array]))
    tf.dispose([value, grads])
    if (!Number.isFinite(read))
      throw new ShowtellError('NUMERIC', `Expected a finite loss but received ${read}`)
    return { loss: read, gradients }
  }

  /**
   * Negative log-likelihood of `targets` int32 [rows] under `logits` [rows, classes], nats, [rows]. With `smoothing` ε
   * the target distribution is (1 − ε) on the target and ε spread over all classes (Szegedy et al. 2016, section 7).
   * One operation of its own, so that no [rows, classes] intermediate but the softmax is kept for the gradient.
   */
  crossEntropy(logits: tf.Tensor, targets: tf.Tensor, smoothing: number): tf.Tensor {
    const [rows, classes] = logits.shape as [number, number]
    const run = tf.customGrad((x: tf.Tensor | tf.GradSaveFunc, save: tf.Tensor | tf.GradSaveFunc) => {
      const logProbs = tf.logSoftmax(x as tf.Tensor)
      const flat = tf.add(tf.mul(tf.range(0, rows, 1, 'int32'), tf.scalar(classes, 'int32')), targets)
      const picked = tf.gather(tf.reshape(logProbs, [-1]), flat as tf.Tensor1D)
      const value =
        smoothing === 0
          ? tf.neg(picked)
          : tf.neg(tf.add(tf.mul(picked, 1 - smoothing), tf.mul(tf.mean(logProbs, 1), smoothing)))
      ;(save as tf.GradSaveFunc)([logProbs, targets])
      return {
        value,
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
          const [kept, ids] = saved as [tf.Tensor, tf.Tensor]
          // Not oneHot: that of the wasm backend knows integers only.
          const positions = tf.stack([tf.range(0, kept.shape[0]!, 1, 'int32'), ids], 1)
          const wanted = tf.scatterND(positions, tf.fill(ids.shape, 1 - smoothing), kept.shape)
          const difference = tf.sub(tf.sub(tf.exp(kept), smoothing / classes), wanted)
          return [tf.mul(difference, tf.expandDims(dy, 1))]
        },
      }
    })
    return run(logits)
  }
}

/** Rows of a table by id, with a gradient that every backend has (the wasm backend has none of its own for gather). */
function gatherRows(table: tf.Tensor, ids: tf.Tensor): tf.Tensor {
  const run = tf.customGrad((t: tf.Tensor | tf.GradSaveFunc, save: tf.Tensor | tf.GradSaveFunc) => {
    const rows = t as tf.Tensor
    ;(save as tf.GradSaveFunc)([ids])
    return {
      value: tf.gather(rows, ids as tf.Tensor1D),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const flat = tf.reshape(saved[0]!, [-1, 1])
        const updates = tf.reshape(dy, [flat.shape[0]!, ...rows.shape.slice(1)])
        return [tf.scatterND(flat, updates, rows.shape)]
      },
    }
  })
  return run(table)
}

function padImage(x: tf.Tensor, [top, bottom, left, right]: Convolution['padding']): tf.Tensor {
  if (top + bottom + left + right === 0) return x
  // Native TensorFlow refuses explicit padding in the gradient of a convolution, so the zeros are added before.
  return tf.pad(x, [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ])
}
