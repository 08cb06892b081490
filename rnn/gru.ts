import { affine, type Cell, part, prefixed } from './cell.js'

/**
 * Gated recurrent unit (Cho et al. 2014, section 2.3): update gate z and reset gate r side by side in one matrix, and
 * a new state n = tanh([x, r·h]·w + b), reset before the product; h = z·h + (1 − z)·n.
 */
export const gru: Cell = {
  states: ['hidden'],
  parameters: (inputs, units) => [
    ...affine(inputs + units, 2 * units),
    ...prefixed('new', affine(inputs + units, units)),
  ],
  step(ops, weights, x, state) {
    const before = state.hidden!
    const gates = ops.sigmoid(ops.linear(ops.concat([x, before], 2), weights.w!, weights.b!))
    const [z, r] = ops.split(gates, 2, 2) as [typeof gates, typeof gates]
    const { w, b } = part(weights, 'new')
    const n = ops.tanh(ops.linear(ops.concat([x, ops.mul(r, before)], 2), w!, b!))
    // z·h + (1 − z)·n with one product less.
    return { hidden: ops.add(n, ops.mul(z, ops.sub(before, n))) }
  },
}
