import * as tf from '@tensorflow/tfjs-core'

/** One product with a weight: what went in, and the gradient of what came out. */
interface Use {
  readonly x: tf.Tensor
  readonly dy: tf.Tensor
}

/** A weight on the tape: stands before all products with it, and so hears of all of them before its gradient is asked. */
interface Mark {
  readonly token: tf.Tensor
  readonly uses: Use[]
  /** The weight's transpose, made on the way back. */
  transposed?: tf.Tensor
}

/**
 * Products x·w + b with weights that are used again and again, as those of a recurrence are at every step. The gradient
 * of such a weight is the sum of xᵀ·dy over its uses, which is one product of all x by all dy, one below the other.
 * Use by use, each step of a sequence would fill a matrix of the weight's size and add it to another. For the gradient of
 * what went in, the weight is transposed once: native TensorFlow multiplies by a matrix that it is told to take as
 * transposed at half the speed (1,024 × 2,048 by 130 rows: 31 ms, 16 by the transpose).
 */
export class SharedWeights {
  private readonly marks = new Map<string, Mark | undefined>()

  /** x [..., in] · weight [in, out] + bias [out]; undefined the first time, which is often the only one. */
  linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor | undefined): tf.Tensor | undefined {
    const key = `${weight.id} ${bias?.id}`
    if (!this.marks.has(key)) {
      this.marks.set(key, undefined)
      return undefined
    }
    const known = this.marks.get(key) ?? mark(weight, bias)
    this.marks.set(key, known)
    const [inputs, outputs] = weight.shape as [number, number]
    return differentiable([x, known.token], () => ({
      value: linear(x, weight, bias),
      // What is not saved, a weight made on the way included, is freed before the way back.
      saved: [x, weight],
      gradient: (dy, [input, matrix]) => {
        const flat = tf.reshape(dy, [-1, outputs])
        known.uses.push({ x: tf.reshape(input!, [-1, inputs]), dy: flat })
        known.transposed ??= tf.transpose(matrix!)
        return [tf.reshape(tf.matMul(flat, known.transposed), x.shape), tf.scalar(0)]
      },
    }))
  }
}

/** x [..., in] · weight [in, out] + bias [out]. */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor | undefined): tf.Tensor {
  const [inputs, outputs] = weight.shape as [number, number]
  // The gradient of a product of rank 3 by rank 2 fails in TensorFlow.js: the leading axes are flattened.
  const flat = tf.matMul(tf.reshape(x, [-1, inputs]), weight)
  const summed = bias === undefined ? flat : tf.add(flat, bias)
  return tf.reshape(summed, [...x.shape.slice(0, -1), outputs])
}

/** Its gradient is that of all uses. */
function mark(weight: tf.Tensor, bias: tf.Tensor | undefined): Mark {
  const uses: Use[] = []
  const token = differentiable(bias === undefined ? [weight] : [weight, bias], () => ({
    value: tf.scalar(0),
    saved: [],
    gradient: () => {
      const x = tf.concat(uses.map((use) => use.x))
      const dy = tf.concat(uses.map((use) => use.dy))
      return [tf.matMul(x, dy, true, false), ...(bias === undefined ? [] : [tf.sum(dy, 0)])]
    },
  }))
  return { token, uses }
}

/** An operation with a gradient of its own, as `tf.customGrad`, of any number of inputs. */
function differentiable(
  inputs: readonly tf.Tensor[],
  run: () => {
    value: tf.Tensor
    saved: tf.Tensor[]
    gradient: (dy: tf.Tensor, saved: readonly tf.Tensor[]) => tf.Tensor[]
  },
): tf.Tensor {
  const operation = tf.customGrad((...given: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const { value, saved, gradient } = run()
    const save = given.at(-1) as tf.GradSaveFunc
    save(saved)
    return { value, gradFunc: (dy: tf.Tensor, held: tf.Tensor[]) => gradient(dy, held) }
  })
  return operation(...inputs)
}
