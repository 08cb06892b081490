import { beforeAll, describe, expect, it } from 'vitest'
import { backends, tensorCount } from '../engine/fixtures/backends.js'
import {
  differentiate,
  evaluate,
  expectGradients,
  keptTensors,
  probed,
} from '../engine/fixtures/differences.js'
import { floats, scaled, type Values } from '../engine/fixtures/values.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import type { CellState } from './cell.js'
import { expectClose } from './fixtures/reference.js'
import { Stack } from './stack.js'
import { pieceGradients, type StateValues, tensorsOf } from './truncated.js'
import { unroll } from './unroll.js'

const [ROWS, STEPS] = [6, 6]
const stack = new Stack({ cell: 'lstm', inputs: 5, units: 4, layers: 2, connection: 'highway' })
const weights: Record<string, Values> = Object.fromEntries(
  stack.parameters.map(({ name, shape }) => [name, scaled(0.7, floats(...shape))]),
)
/** The state before the first piece. */
const zeros: StateValues = {
  rows: ROWS,
  values: Object.fromEntries(stack.states.map((name) => [name, new Float32Array(ROWS * stack.units)])),
}
const inputs = Array.from({ length: STEPS }, () => floats(ROWS, 1, 5))

/** The loss of the steps from `from` to `to`, each output with its share whatever the piece it is in. */
function over(from: number, to: number) {
  return (ops: TensorFlowOps, held: Readonly<Record<string, Tensor>>, start: CellState<Tensor>) => {
    const xs = inputs.slice(from, to).map(({ data, dims }) => ops.input(data as Float32Array, dims))
    const { outputs, state } = unroll(ops, (x, before) => stack.step(ops, held, x, before), xs, start)
    const losses = outputs.map((output, t) =>
      ops.mul(probed(ops, output), ops.constant([1 + from + t], [], 'float32')),
    )
    return { loss: losses.reduce((sum, loss) => ops.add(sum, loss)), state }
  }
}

/** The gradients of all pieces that end at these steps, the state handed on. */
function inPieces(ends: readonly number[], start: StateValues) {
  const ops = new TensorFlowOps()
  const held = keptTensors(ops, weights)
  let state = start
  const pieces = ends.map((to, i) => {
    const run = over(ends[i - 1] ?? 0, to)
    const piece = pieceGradients(ops, held, state, (watched, before) => run(ops, watched, before))
    state = piece.state
    return piece
  })
  ops.dispose(Object.values(held))
  return pieces
}

describe.each(backends)('truncated backpropagation through time on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend)
  })
  const whole = () =>
    differentiate(weights, (ops, held) => over(0, STEPS)(ops, held, tensorsOf(ops, zeros)).loss)

  it('is the full gradient when the piece is the whole sequence, and leaves nothing behind', () => {
    const full = whole()
    const before = tensorCount()
    const [piece] = inPieces([STEPS], zeros)
    expect(tensorCount()).toBe(before)
    expect(piece!.loss).toBe(full.loss)
    expect(piece!.gradients).toEqual(full.gradients)
  })

  it('hands the state on: the losses of the pieces sum to that of the whole, the last state is the same', () => {
    const [one] = inPieces([STEPS], zeros)
    const pieces = inPieces([2, 5, STEPS], zeros)
    expect(pieces.reduce((sum, { loss }) => sum + loss, 0)).toBeCloseTo(one!.loss, 4)
    for (const name of stack.states)
      expectClose(pieces.at(-1)!.state.values[name]!, one!.state.values[name]!, name)
  })

  it('ends the gradient where the piece begins: that of a loss whose start is numbers', () => {
    const [first, second] = inPieces([2, STEPS], zeros)
    const loss = (ops: TensorFlowOps, held: Readonly<Record<string, Tensor>>) =>
      over(2, STEPS)(ops, held, tensorsOf(ops, first!.state)).loss
    expectGradients(weights, loss, { directions: 1 })
    const alone = differentiate(weights, loss)
    expect(second!.loss).toBe(evaluate(weights, loss))
    expect(second!.gradients).toEqual(alone.gradients)
    // What truncation leaves out is there to be left out.
    const full = whole().gradients.w!
    const summed = first!.gradients.w!.map((value, i) => value + second!.gradients.w![i]!)
    const difference = Math.hypot(...full.map((value, i) => value - summed[i]!))
    expect(difference / Math.hypot(...full)).toBeGreaterThan(0.01)
  })
})

describe('pieceGradients', () => {
  it('keeps the state it was given: a piece may be done again', async () => {
    await useBackend('cpu')
    const start = inPieces([3], zeros)[0]!.state
    const copy = structuredClone(start)
    expect(inPieces([STEPS], start)).toEqual(inPieces([STEPS], start))
    expect(start).toEqual(copy)
  })
})
