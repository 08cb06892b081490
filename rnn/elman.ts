import type { Cell } from './cell.js'

/** The plain recurrent network (Elman 1990): h = tanh([x, h]·w + b), the rows of the input first. */
export const elman: Cell = {
  name: 'rnn',
  states: ['hidden'],
  parameters: (inputs, units) => [
    { name: 'w', shape: [inputs + units, units], initializer: 'glorot' },
    { name: 'b', shape: [units], initializer: { parts: [0] } },
  ],
  step(ops, weights, x, state) {
    return { hidden: ops.tanh(ops.linear(ops.concat([x, state.hidden!], 2), weights.w!, weights.b!)) }
  },
}
