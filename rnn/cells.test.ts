import { beforeAll, describe, expect, it } from 'vitest'
import { backends } from '../engine/fixtures/backends.js'
import { differentiate } from '../engine/fixtures/differences.js'
import type { Values } from '../engine/fixtures/values.js'
import { initialize } from '../engine/initialize.js'
import { type Tensor, useBackend } from '../engine/tensorflow.js'
import { CELLS } from './cells.js'
import { withGraph } from './fixtures/graph.js'
import { atTime, expectClose, REFERENCE_CELLS, type Reference, readReference } from './fixtures/reference.js'

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
    expect(cell.name).toBe(name)
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

describe('CELLS', () => {
  it('names each cell as its row is named', () => {
    for (const [name, cell] of Object.entries(CELLS)) expect(cell.name).toBe(name)
  })

  it('starts the LSTM with open forget gates: bias 1, the others 0', () => {
    const { b } = initialize(CELLS.lstm!.parameters(2, 3), 1)
    expect([...b!]).toEqual([0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0])
  })
})
