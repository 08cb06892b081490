import type { Ops } from '../engine/ops.js'
import { affine, type Cell } from './cell.js'

/** The plain recurrent network with any activation: h = activation([x, h]·w + b), the rows of the input first. */
export function elmanWith(activation: <T>(ops: Ops<T>, sum: T) => T): Cell {
  return {
    states: ['hidden'],
    parameters: (inputs, units) => affine(inputs + units, units),
    step(ops, weights, x, state) {
      return {
        hidden: activation(ops, ops.linear(ops.concat([x, state.hidden!], 2), weights.w!, weights.b!)),
      }
    },
  }
}

/** The plain recurrent network (Elman 1990): h = tanh([x, h]·w + b). */
export const elman = elmanWith((ops, sum) => ops.tanh(sum))
