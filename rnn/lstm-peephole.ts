import type { Parameter } from '../engine/ops.js'
import type { Cell } from './cell.js'
import { lstm } from './lstm.js'

/**
 * The LSTM whose gates look at the cell (Gers and Schmidhuber 2000, "Recurrent nets that time and count"). All three
 * see the cell *before* the step, c(t−1): so does the reference in double precision that this cell is tested against. In
 * that paper and in Graves 2013 ("Generating sequences with recurrent neural networks", section 2) the output gate sees
 * c(t), so weights of other implementations do not carry over. The peepholes start at 0, as an LSTM.
 */
export const lstmPeephole: Cell = {
  states: lstm.states,
  parameters: (inputs, units, forgetBias) => [
    ...lstm.parameters(inputs, units, forgetBias),
    ...['p_i', 'p_f', 'p_o'].map(
      (name): Parameter => ({ name, shape: [units], initializer: { parts: [0] } }),
    ),
  ],
  step(ops, weights, x, state) {
    const before = state.cell!
    const sum = ops.linear(ops.concat([x, state.hidden!], 2), weights.w!, weights.b!)
    const [i, f, g, o] = ops.split(sum, 4, 2) as [typeof sum, typeof sum, typeof sum, typeof sum]
    const gate = (own: typeof sum, peephole: typeof sum) =>
      ops.sigmoid(ops.add(own, ops.mul(before, peephole)))
    const cell = ops.add(ops.mul(gate(f, weights.p_f!), before), ops.mul(gate(i, weights.p_i!), ops.tanh(g)))
    return { hidden: ops.mul(gate(o, weights.p_o!), ops.tanh(cell)), cell }
  },
}
