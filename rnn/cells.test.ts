import { beforeAll, describe, expect, it } from 'vitest'
import { backends } from '../engine/fixtures/backends.js'
import { differentiate } from '../engine/fixtures/differences.js'
import { at, fill, floats, type Values } from '../engine/fixtures/values.js'
import { initialize } from '../engine/initialize.js'
import type { Tensor } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import type { Cell } from './cell.js'
import { CELLS } from './cells.js'
import { elmanWith } from './elman.js'
import { withGraph } from './fixtures/graph.js'
import { CELL_LOOPS } from './fixtures/loops.js'
import { atTime, expectClose, REFERENCE_CELLS, type Reference, readReference } from './fixtures/reference.js'
import { type Tensors, within } from './fixtures/tensors.js'

let reference: Reference
beforeAll(async () => {
  reference = await readReference()
})

/** State [images, units] of the reference as [images, 1, units]. */
const oneHypothesis = ({ dims, data }: Values): Values => ({ dims: [dims[0]!, 1, dims[1]!], data })

/** The state before the first step, by the names of the cell's states. */
function initialState(name: string): Record<string, Values> {
  return Object.fromEntries(
    CELLS[name]!.states.map((state) => [
      state,
      oneHypothesis(reference.values(`${name}.${state === 'hidden' ? 'h0' : 'c0'}`)),
    ]),
  )
}

describe.each(REFERENCE_CELLS)('cell %s', (name) => {
  const cell = CELLS[name]!

  it('has the shapes of the reference', () => {
    const weights = reference.cellWeights(name)
    expect(cell.states[0]).toBe('hidden')
    expect(cell.parameters(5, 7).map((parameter) => [parameter.name, parameter.shape])).toEqual(
      Object.entries(weights).map(([key, { dims }]) => [key, dims]),
    )
  })

  it.each(backends)('equals PyTorch in values and in the gradient of every weight on %s', async (backend) => {
    await useBackend(backend)
    const [input, probe, hidden] = ['input', 'probe', `${name}.hidden`].map(reference.values) as [
      Values,
      Values,
      Values,
    ]
    const before = initialState(name)
    const inputs = Object.fromEntries(
      Array.from({ length: 6 }, (_, t) => [`x${t}`, atTime(input, t)] as const),
    )
    const { loss, gradients } = differentiate(
      { ...reference.cellWeights(name), ...before, ...inputs },
      (ops, given) => {
        let state = Object.fromEntries(cell.states.map((key) => [key, given[key]!]))
        const shares: Tensor[] = []
        for (let t = 0; t < 6; t++) {
          state = { ...cell.step(ops, given, given[`x${t}`]!, state) }
          expect(Object.keys(state)).toEqual(cell.states)
          expectClose(ops.read(state.hidden!), atTime(hidden, t).data, `hidden at ${t}`)
          const { data, dims } = atTime(probe, t)
          shares.push(ops.mul(state.hidden!, ops.input(data as Float32Array, dims)))
        }
        if (state.cell !== undefined)
          expectClose(ops.read(state.cell), reference.values(`${name}.cell_last`).data, 'last cell state')
        return ops.sum(ops.reshape(ops.concat(shares, 1), [-1]), 0)
      },
    )
    expectClose([loss], reference.values(`${name}.loss`).data, 'the loss')
    const truth = reference.cellWeights(name, `${name}.grad.`)
    for (const [key, { data }] of Object.entries(truth))
      expectClose(gradients[key]!, data, `the gradient of ${key}`)
  })

  it('equals PyTorch in values in onnxruntime', async () => {
    const [input, hidden] = ['input', `${name}.hidden`].map(reference.values) as [Values, Values]
    await withGraph(
      reference.cellWeights(name),
      { x: 3, ...Object.fromEntries(cell.states.map((state) => [state, 3])) },
      (ops, weights, { x, ...state }) => ({ ...cell.step(ops, weights, x!, state) }),
      async (run) => {
        let state = initialState(name)
        for (let t = 0; t < 6; t++) {
          state = await run({ x: atTime(input, t), ...state })
          expectClose(state.hidden!.data, atTime(hidden, t).data, `hidden at ${t}`)
        }
        if (state.cell !== undefined)
          expectClose(state.cell.data, reference.values(`${name}.cell_last`).data, 'last cell state')
      },
    )
  })
})

describe('the constant error carousel', () => {
  it.each(backends)(
    'is the LSTM whose forget gates are wide open, in values and gradients on %s',
    async (backend) => {
      await useBackend(backend)
      const [inputs, units] = [3, 4]
      const own = { w: floats(inputs + units, 3 * units), b: floats(3 * units) }
      // i, g, o between which the forget gate goes; σ(60) is 1 in float32.
      const from = (column: number) => (column < units ? column : column - units)
      const forget = (column: number) => column >= units && column < 2 * units
      const theirs = {
        w: fill([inputs + units, 4 * units], (r, c) => (forget(c!) ? 0 : at(own.w, r!, from(c!)))),
        b: fill([4 * units], (c) => (forget(c!) ? 60 : at(own.b, from(c!)))),
      }
      const given = { x: floats(2, 3, inputs), hidden: floats(2, 3, units), cell: floats(2, 3, units) }
      const run = (name: string, weights: Record<string, Values>) =>
        differentiate({ ...weights, ...given }, (ops, all) => {
          let state: Record<string, Tensor> = { hidden: all.hidden!, cell: all.cell! }
          for (let t = 0; t < 5; t++) state = { ...CELLS[name]!.step(ops, all, all.x!, state) }
          return ops.sum(ops.reshape(ops.mul(state.hidden!, state.cell!), [-1]), 0)
        })
      const [carousel, lstm] = [run('lstm-carousel', own), run('lstm', theirs)]
      expectClose([carousel.loss], [lstm.loss], 'the loss')
      for (const name of ['x', 'hidden', 'cell'])
        expectClose(carousel.gradients[name]!, lstm.gradients[name]!, `the gradient of ${name}`)
      for (const name of ['w', 'b'])
        expectClose(
          carousel.gradients[name]!,
          lstm.gradients[name]!.filter((_, i) => !forget(i % (4 * units))),
          `the gradient of ${name}`,
        )
    },
  )

  it('equals loops in onnxruntime', async () => {
    const cell = CELLS['lstm-carousel']!
    const weights = { w: floats(7, 12), b: floats(12) }
    const given = { x: floats(1, 1, 3), hidden: floats(1, 1, 4), cell: floats(1, 1, 4) }
    const plain = Object.fromEntries(Object.entries(given).map(([name, { data }]) => [name, [...data]]))
    const truth = CELL_LOOPS['lstm-carousel']!(weights, '', plain.x!, plain)
    await withGraph(
      weights,
      { x: 3, hidden: 3, cell: 3 },
      (ops, held, { x, ...state }) => ({ ...cell.step(ops, held, x!, state) }),
      async (run) => {
        const after = await run(given)
        for (const name of cell.states) expectClose(after[name]!.data, truth[name]!, name)
      },
    )
  })
})

/*
 * The plain recurrent network lies inside the LSTM. The gates have no weights here and fixed biases:
 *
 *   forget gate 0, nothing of the cell before is kept:         c = σ(i)·tanh(g)
 *   output gate 1, all of the cell is shown:                   h = tanh(c)
 *   input gate 1, all of the new is let in:                    h = tanh(tanh(g))
 *
 * which is the plain network, g = [x, h]·w + b, but for a second tanh on the way out. That one is the identity for small
 * values: with the input gate at a small ε it is h = tanh(ε·tanh(g)) = ε·tanh(g), and with the rows of the state in w
 * divided by ε, so that g is what it was, ε·h of the plain network.
 */
describe('the plain network from the LSTM by fixing its gates', () => {
  const [inputs, units, steps] = [3, 4, 6]
  const weights = { w: floats(inputs + units, units), b: floats(units) }
  const xs = Array.from({ length: steps }, () => floats(2, 3, inputs))
  const zeros = fill([2, 3, units], () => 0)

  /** σ(100) is 1 in float32 and σ(−100) so small that nothing remains. */
  const fixed = (inputGate: number, scale: number): Record<string, Values> => ({
    w: fill([inputs + units, 4 * units], (r, c) =>
      c! < 2 * units || c! >= 3 * units ? 0 : at(weights.w, r!, c! % units) / (r! < inputs ? 1 : scale),
    ),
    b: fill([4 * units], (c) => [inputGate, -100, at(weights.b, c! % units), 100][Math.floor(c! / units)]!),
  })

  /** The hidden states of all steps, one after the other. */
  function hiddens(cell: Cell, held: Record<string, Values>): number[] {
    return within({ ...held, ...Object.fromEntries(xs.entries()), zeros }, (ops, tensors) => {
      let state: Tensors = Object.fromEntries(cell.states.map((key) => [key, tensors.zeros!]))
      return xs.flatMap((_, t) => {
        state = cell.step(ops, tensors, tensors[t]!, state)
        return [...ops.read(state.hidden!)]
      })
    })
  }

  beforeAll(async () => {
    await useBackend('cpu')
  })

  it('with input gate 1: its activation is tanh of tanh', () => {
    const twice = elmanWith((ops, sum) => ops.tanh(ops.tanh(sum)))
    expectClose(hiddens(CELLS.lstm!, fixed(100, 1)), hiddens(twice, weights), 'hidden')
  })

  it('with a small input gate: the plain network itself, scaled by the gate', () => {
    const gate = 2 ** -10
    const ours = hiddens(CELLS.lstm!, fixed(Math.log(gate / (1 - gate)), gate)).map((h) => h / gate)
    expectClose(ours, hiddens(CELLS.rnn!, weights), 'hidden')
  })
})

describe('CELLS', () => {
  it('starts the LSTM with open forget gates: bias 1, the others 0', () => {
    const { b } = initialize(CELLS.lstm!.parameters(2, 3), 1)
    expect([...b!]).toEqual([0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
  })

  it.each(['lstm', 'lstm-peephole'])('starts the forget gates of %s as one asks', (name) => {
    const { b } = initialize(CELLS[name]!.parameters(2, 2, -3), 1)
    expect([...b!]).toEqual([0, 0, -3, -3, 0, 0, 0, 0])
  })
})
