import type { Ops, Parameter, Weights } from '../engine/ops.js'
import { affine } from './cell.js'

/** How a layer of a stack and its input make what the next layer gets, all [images, hypotheses, units]. */
export interface Connection {
  parameters(units: number): readonly Parameter[]
  /** The input x of a layer and its output H(x) → y. */
  join<T>(ops: Ops<T>, weights: Weights<T>, x: T, layer: T): T
}

/** y = H(x). */
const plain: Connection = {
  parameters: () => [],
  join: (_ops, _weights, _x, layer) => layer,
}

/** y = H(x) + x (He et al. 2016; between recurrent layers Wu et al. 2016, section 3.1). */
const residual: Connection = {
  parameters: () => [],
  join: (ops, _weights, x, layer) => ops.add(layer, x),
}

/**
 * y = g·H(x) + (1 − g)·x with g = σ(x·w + b) (Srivastava et al. 2015, "Highway networks", section 2). The bias starts at
 * −2, so that at first most of x goes through.
 */
const highway: Connection = {
  parameters: (units) => affine(units, units, [-2]),
  join(ops, { w, b }, x, layer) {
    const gate = ops.sigmoid(ops.linear(x, w!, b!))
    return ops.add(x, ops.mul(gate, ops.sub(layer, x)))
  },
}

/** Every connection; the name in a config is the key. */
export const CONNECTIONS: Readonly<Record<string, Connection>> = Object.freeze({ plain, residual, highway })
