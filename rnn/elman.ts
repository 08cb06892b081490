import type { Cell } from './cell.js'

/** The plain recurrent network (Elman 1990): h = tanh(x·w_x + h·w_h + b). */
export const elman: Cell = {
  name: 'rnn',
  states: ['hidden'],
  parameters: (inputs, units) => [
    { name: 'w_x', shape: [inputs, units], initializer: 'glorot' },
    { name: 'w_h', shape: [units, units], initializer: 'orthogonal' },
    { name: 'b', shape: [units], initializer: { parts: [0] } },
  ],
  step(ops, weights, x, state) {
    const fromInput = ops.linear(x, weights.w_x!, weights.b!)
    return { hidden: ops.tanh(ops.add(fromInput, ops.linear(state.hidden!, weights.w_h!))) }
  },
}
