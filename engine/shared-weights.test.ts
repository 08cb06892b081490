import * as tf from '@tensorflow/tfjs-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { backends } from './fixtures/backends.js'
import { differentiate, expectGradients, probed } from './fixtures/differences.js'
import { floats, scaled } from './fixtures/values.js'
import type { Tensor, TensorFlowOps } from './tensorflow.js'
import { useBackend } from './use-backend.js'

const STEPS = 5
const weights = { w: scaled(0.6, floats(7, 4)), b: floats(4), x: floats(2, 3, 3), start: floats(2, 3, 4) }

/** A recurrence: the product of a step goes into that of the next. */
const recurrence = (ops: TensorFlowOps, { w, b, x, start }: Readonly<Record<string, Tensor>>): Tensor => {
  let state = start!
  for (let step = 0; step < STEPS; step++) {
    const next = ops.linear(ops.concat([x!, state], 2), w!, step % 2 === 0 ? b : undefined)
    state = ops.tanh(next)
  }
  return probed(ops, state)
}

describe.each(backends)('a weight that is used at every step on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend)
  })

  it('has the gradient that central differences give, and so has what it met', () => {
    expectGradients(weights, recurrence)
  })

  it('may be made on the way, and may have no gradient asked of it', () => {
    expectGradients(weights, (ops, { w, b, x, start }) =>
      recurrence(ops, { w: ops.mul(w!, w!), b: b!, x: x!, start: start! }),
    )
    const { w, ...rest } = weights
    expectGradients(rest, (ops, watched) =>
      recurrence(ops, { ...watched, w: ops.input(w.data as Float32Array, w.dims) }),
    )
  })

  it('gets it from one product over all uses but the first', () => {
    const shapes: number[][] = []
    const seen = tf.getKernel('BatchMatMul', tf.getBackend())!
    tf.unregisterKernel('BatchMatMul', tf.getBackend())
    tf.registerKernel({
      ...seen,
      kernelFunc: (given) => {
        if (given.attrs!.transposeA) shapes.push(given.inputs.a!.shape)
        return seen.kernelFunc(given)
      },
    })
    try {
      differentiate(weights, recurrence)
    } finally {
      tf.unregisterKernel('BatchMatMul', tf.getBackend())
      tf.registerKernel(seen)
    }
    // With the bias: steps 1, 3 and 5. Without: steps 2 and 4. Six rows a step; products are of rank 3 inside.
    expect(shapes.map((shape) => shape.at(-2)).sort((a, b) => a! - b!)).toEqual([6, 6, 6, 12])
  })
})
