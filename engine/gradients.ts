import * as tf from '@tensorflow/tfjs-core'
import { type Derivative, IMAGE_DERIVATIVES } from './image-gradients.js'

/**
 * The derivatives of the kernels that `TensorFlowOps` runs, those of images beside. TensorFlow.js has its own, but in files
 * that only a bundler can import, or in the package @tensorflow/tfjs, which brings all of its engines along.
 */
const DERIVATIVES: Readonly<Record<string, Derivative>> = {
  [tf.Identity]: { gradFunc: (dy) => ({ x: () => one(dy) }) },
  [tf.Cast]: { gradFunc: (dy) => ({ x: () => one(dy) }) },
  [tf.Add]: {
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, [a, b]) => ({ a: () => shapedAs(a!, one(dy)), b: () => shapedAs(b!, one(dy)) }),
  },
  [tf.Sub]: {
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, [a, b]) => ({ a: () => shapedAs(a!, one(dy)), b: () => shapedAs(b!, tf.neg(one(dy))) }),
  },
  [tf.Multiply]: {
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, [a, b]) => ({
      a: () => shapedAs(a!, tf.mul(one(dy), b!)),
      b: () => shapedAs(b!, tf.mul(one(dy), a!)),
    }),
  },
  [tf.Sigmoid]: {
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({ x: () => tf.mul(one(dy), tf.mul(y!, tf.sub(1, y!))) }),
  },
  [tf.Tanh]: {
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({ x: () => tf.mul(one(dy), tf.sub(1, tf.square(y!))) }),
  },
  [tf.Relu]: {
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({ x: () => tf.mul(one(dy), tf.cast(tf.greater(x!, 0), 'float32')) }),
  },
  [tf.Softmax]: {
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({
      logits: () => tf.mul(tf.sub(one(dy), tf.sum(tf.mul(one(dy), y!), -1, true)), y!),
    }),
  },
  [tf.LogSoftmax]: {
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({
      logits: () => tf.sub(one(dy), tf.mul(tf.sum(one(dy), -1, true), tf.exp(y!))),
    }),
  },
  // Neither side is transposed: `Ops.matMul` has no such option.
  [tf.BatchMatMul]: {
    inputsToSave: ['a', 'b'],
    gradFunc: (dy, [a, b]) => ({
      a: () => tf.matMul(one(dy), b!, false, true),
      b: () => tf.matMul(a!, one(dy), true, false),
    }),
  },
  // Of a matrix: `Ops.transpose` has no other.
  [tf.Transpose]: { gradFunc: (dy) => ({ x: () => tf.transpose(one(dy)) }) },
  [tf.Concat]: {
    saveAllInputs: true,
    gradFunc: (dy, inputs, { axis }) => {
      const at = axis as number
      const sizes = inputs.map(({ shape }) => shape[at]!)
      const parts = tf.split(one(dy), sizes, at)
      return Object.fromEntries(parts.map((part, i) => [i, () => part]))
    },
  },
  [tf.SplitV]: {
    gradFunc: (dys, _, { axis }) => ({ x: () => tf.concat(dys as tf.Tensor[], axis as number) }),
  },
  [tf.Reshape]: {
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({ x: () => tf.reshape(one(dy), x!.shape) }),
  },
  [tf.ExpandDims]: {
    inputsToSave: ['input'],
    gradFunc: (dy, [input]) => ({ input: () => tf.reshape(one(dy), input!.shape) }),
  },
  [tf.Sum]: {
    inputsToSave: ['x'],
    gradFunc: (dy, [x], { axis }) => ({ x: () => spread(one(dy), x!, axis as number, 1) }),
  },
  [tf.Mean]: {
    inputsToSave: ['x'],
    gradFunc: (dy, [x], { axis }) => ({
      x: () => spread(one(dy), x!, axis as number, one(dy).size / x!.size),
    }),
  },
}

/** Native TensorFlow.js has a derivative of these by `step`, which takes three times as long as a comparison. */
const OWN_EVERYWHERE: readonly string[] = [tf.Relu, tf.Relu6]

/**
 * Makes the derivatives known, but for the kernels whose derivative already is (native TensorFlow.js brings its own),
 * unless ours is faster.
 */
export function registerGradients(): void {
  for (const [kernelName, derivative] of Object.entries({ ...DERIVATIVES, ...IMAGE_DERIVATIVES })) {
    const known = tf.getGradient(kernelName)?.gradFunc
    if (known === derivative.gradFunc || (known !== undefined && !OWN_EVERYWHERE.includes(kernelName)))
      continue
    if (known !== undefined) tf.unregisterGradient(kernelName)
    tf.registerGradient({ kernelName, ...derivative })
  }
}

/** Of a kernel with one output. */
function one(dy: tf.Tensor | tf.Tensor[]): tf.Tensor {
  return dy as tf.Tensor
}

/** What was broadcast on the way there is summed on the way back. */
function shapedAs(x: tf.Tensor, dy: tf.Tensor): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes(x.shape, dy.shape)
  return tf.reshape(axes.length === 0 ? dy : tf.sum(dy, axes), x.shape)
}

/** Gives every value that went into a sum over `axis` its share. */
function spread(dy: tf.Tensor, x: tf.Tensor, axis: number, share: number): tf.Tensor {
  const kept = x.shape.map((size, i) => (i === axis ? 1 : size))
  return tf.mul(tf.reshape(dy, kept), tf.fill(x.shape, share))
}
