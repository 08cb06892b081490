import { affine, type Cell } from './cell.js'

/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000, its bias starting at 1 as
 * Jozefowicz et al. 2015 advise): c = σ(f)·c + σ(i)·tanh(g), h = σ(o)·tanh(c). The four gates stand side by side in
 * the order i, f, g, o; input and state enter by one matrix, the rows of the input first (one large product is faster
 * than two small ones).
 */
export const lstm: Cell = {
  states: ['hidden', 'cell'],
  parameters: (inputs, units, forgetBias = 1) => affine(inputs + units, 4 * units, [0, forgetBias, 0, 0]),
  step(ops, weights, x, state) {
    const sum = ops.linear(ops.concat([x, state.hidden!], 2), weights.w!, weights.b!)
    const [i, f, g, o] = ops.split(sum, 4, 2) as [typeof sum, typeof sum, typeof sum, typeof sum]
    const cell = ops.add(ops.mul(ops.sigmoid(f), state.cell!), ops.mul(ops.sigmoid(i), ops.tanh(g)))
    return { hidden: ops.mul(ops.sigmoid(o), ops.tanh(cell)), cell }
  },
}
