import { affine, type Cell } from './cell.js'

/**
 * The LSTM as it was first written, without forget gate (Hochreiter and Schmidhuber 1997, where 4σ(g) − 2 and 2σ(c) − 1
 * stand in the place of the two tanh): c = c + σ(i)·tanh(g), h = σ(o)·tanh(c). The error that reaches the cell goes round
 * unchanged, the constant error carousel. The gates stand side by side in the order i, g, o.
 */
export const lstmCarousel: Cell = {
  states: ['hidden', 'cell'],
  parameters: (inputs, units) => affine(inputs + units, 3 * units),
  step(ops, weights, x, state) {
    const sum = ops.linear(ops.concat([x, state.hidden!], 2), weights.w!, weights.b!)
    const [i, g, o] = ops.split(sum, 3, 2) as [typeof sum, typeof sum, typeof sum]
    const cell = ops.add(state.cell!, ops.mul(ops.sigmoid(i), ops.tanh(g)))
    return { hidden: ops.mul(ops.sigmoid(o), ops.tanh(cell)), cell }
  },
}
