import { describe, expect, it } from 'vitest'
import { backends } from '../engine/fixtures/backends.js'
import { expectGradients, probed } from '../engine/fixtures/differences.js'
import { at, fill, floats, scaled, type Values } from '../engine/fixtures/values.js'
import { initialize } from '../engine/initialize.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { CELLS } from './cells.js'
import { CONNECTIONS } from './connections.js'
import { withGraph } from './fixtures/graph.js'
import { type LoopState, stackLoop } from './fixtures/loops.js'
import { expectClose } from './fixtures/reference.js'
import { type Tensors, within } from './fixtures/tensors.js'
import { Stack } from './stack.js'

const [IMAGES, HYPOTHESES, INPUTS, UNITS, STEPS] = [2, 3, 5, 4, 4]
const MASK = [0, 2, 2, 0]

/** Every cell as one layer, and as three in every connection. */
const SHAPES = Object.keys(CELLS).flatMap((cell) => [
  { cell, layers: 1, connection: 'plain' },
  ...Object.keys(CONNECTIONS).map((connection) => ({ cell, layers: 3, connection })),
])

const stackOf = (shape: (typeof SHAPES)[number]) => new Stack({ ...shape, inputs: INPUTS, units: UNITS })

/** Weights, the state before the first step (`before.hidden`), the inputs (`x0`) and masks of dropout (`drop0`). */
function drawn({ parameters, states }: Stack): Record<string, Values> {
  return {
    ...Object.fromEntries(parameters.map(({ name, shape }) => [name, scaled(0.5, floats(...shape))])),
    ...Object.fromEntries(states.map((name) => [`before.${name}`, floats(IMAGES, HYPOTHESES, UNITS)])),
    ...Object.fromEntries(
      Array.from({ length: STEPS }, (_, t) => [`x${t}`, floats(IMAGES, HYPOTHESES, INPUTS)]),
    ),
  }
}

/** The masks of each step are those of the step before, turned by one. */
const masksAt = (time: number): number[][] =>
  [0, 1].map((layer) => MASK.map((_, u) => MASK[(u + time + layer) % 4]!))

/** Outputs and states of all steps. */
function unrolled(ops: TensorFlowOps, stack: Stack, given: Tensors): Tensor[] {
  let state = Object.fromEntries(stack.states.map((name) => [name, given[`before.${name}`]!]))
  return Array.from({ length: STEPS }, (_, t) => {
    const masks = masksAt(t).map((mask) => ops.input(Float32Array.from(mask), [UNITS]))
    const stepped = stack.step(ops, given, given[`x${t}`]!, state, masks)
    expect(Object.keys(stepped.state)).toEqual(stack.states)
    state = { ...stepped.state }
    return [stepped.output, ...Object.values(state)]
  }).flat()
}

/** The same by loops. */
function truthOf(shape: (typeof SHAPES)[number], stack: Stack, given: Record<string, Values>): Values[] {
  const all = Array.from({ length: STEPS * (1 + stack.states.length) }, () =>
    floats(IMAGES, HYPOTHESES, UNITS),
  )
  const put = (which: number, image: number, hypothesis: number, values: readonly number[]) =>
    (all[which]!.data as Float32Array).set(values, UNITS * (HYPOTHESES * image + hypothesis))
  for (let image = 0; image < IMAGES; image++)
    for (let hypothesis = 0; hypothesis < HYPOTHESES; hypothesis++) {
      const row = (name: string) =>
        Array.from({ length: given[name]!.dims[2]! }, (_, i) => at(given[name]!, image, hypothesis, i))
      let state: LoopState = Object.fromEntries(stack.states.map((name) => [name, row(`before.${name}`)]))
      for (let t = 0; t < STEPS; t++) {
        const stepped = stackLoop(shape, given, '', row(`x${t}`), state, masksAt(t))
        state = stepped.state
        for (const [i, values] of [stepped.output, ...stack.states.map((name) => state[name]!)].entries())
          put(t * (1 + stack.states.length) + i, image, hypothesis, values)
      }
    }
  return all
}

describe.each(SHAPES)('$layers layers of $cell, $connection', (shape) => {
  const stack = stackOf(shape)
  const given = drawn(stack)

  it.each(backends)('say what the definition says on %s', async (backend) => {
    await useBackend(backend)
    const truth = truthOf(shape, stack, given)
    within(given, (ops, held) => {
      for (const [i, value] of unrolled(ops, stack, held).entries())
        expectClose(ops.read(value), truth[i]!.data, `value ${i}`)
    })
  })

  it('say it in onnxruntime', async () => {
    const weights = Object.fromEntries(stack.parameters.map(({ name }) => [name, given[name]!]))
    const ranks = { x: 3, drop0: 1, drop1: 1, ...Object.fromEntries(stack.states.map((name) => [name, 3])) }
    const truth = truthOf(shape, stack, given)
    await withGraph(
      weights,
      ranks,
      (ops, held, { x, drop0, drop1, ...state }) => {
        const stepped = stack.step(ops, held, x!, state, [drop0!, drop1!])
        return { output: stepped.output, ...stepped.state }
      },
      async (run) => {
        let state = Object.fromEntries(stack.states.map((name) => [name, given[`before.${name}`]!]))
        for (let t = 0; t < STEPS; t++) {
          const [drop0, drop1] = masksAt(t).map((mask) => fill([UNITS], (u) => mask[u!]!)) as [Values, Values]
          const { output, ...after } = await run({ x: given[`x${t}`]!, drop0, drop1, ...state })
          for (const [i, value] of [output!, ...Object.values(after)].entries())
            expectClose(value.data, truth[t * (1 + stack.states.length) + i]!.data, `value ${i} at ${t}`)
          state = after
        }
      },
    )
  })
})

describe.each(backends)('gradients that central differences confirm on %s', (backend) => {
  it.each(Object.keys(CONNECTIONS))('of three layers connected %s', async (connection) => {
    await useBackend(backend)
    const stack = stackOf({ cell: 'lstm', layers: 3, connection })
    expectGradients(drawn(stack), (ops, held) => probed(ops, ...unrolled(ops, stack, held)), {
      directions: 1,
    })
  })

  it.each(Object.keys(CELLS))('of two layers of %s', async (cell) => {
    await useBackend(backend)
    const stack = stackOf({ cell, layers: 2, connection: 'highway' })
    expectGradients(drawn(stack), (ops, held) => probed(ops, ...unrolled(ops, stack, held)), {
      directions: 1,
    })
  })
})

describe('Stack', () => {
  it('of one layer is the cell: its parameters and states', () => {
    const stack = new Stack({ cell: 'lstm', inputs: 5, units: 4, forgetBias: 2 })
    expect(stack.parameters).toEqual(CELLS.lstm!.parameters(5, 4, 2))
    expect([stack.states, stack.top]).toEqual([['hidden', 'cell'], 'hidden'])
  })

  it('names layers after the first by their number', () => {
    const stack = new Stack({ cell: 'gru', inputs: 5, units: 4, layers: 2, connection: 'highway' })
    expect([stack.states, stack.top]).toEqual([['hidden', 'hidden2'], 'hidden2'])
    expect(stack.parameters.map(({ name, shape }) => [name, shape])).toEqual([
      ['w', [9, 8]],
      ['b', [8]],
      ['new.w', [9, 4]],
      ['new.b', [4]],
      ['layer2.w', [8, 8]],
      ['layer2.b', [8]],
      ['layer2.new.w', [8, 4]],
      ['layer2.new.b', [4]],
      ['layer2.highway.w', [4, 4]],
      ['layer2.highway.b', [4]],
    ])
  })

  it('starts highways with a negative gate bias, so that most goes through', () => {
    const { parameters } = new Stack({ cell: 'rnn', inputs: 2, units: 3, layers: 2, connection: 'highway' })
    expect([...initialize(parameters, 1)['layer2.highway.b']!]).toEqual([-2, -2, -2])
  })

  it('begins with zeros of as many images and hypotheses as there are', async () => {
    await useBackend('cpu')
    within({ x: floats(2, 3, 5) }, (ops, { x }) => {
      const stack = new Stack({ cell: 'lstm', inputs: 5, units: 4, layers: 2 })
      const zeros = stack.zeros(ops, x!)
      expect(Object.keys(zeros)).toEqual(stack.states)
      for (const zero of Object.values(zeros)) {
        expect(zero.shape).toEqual([2, 3, 4])
        expect(ops.read(zero).every((value) => value === 0)).toBe(true)
      }
    })
  })

  it.each([
    [
      { cell: 'toString' },
      'Expected one of rnn, lstm, lstm-peephole, lstm-carousel, gru for cell but received "toString"',
    ],
    [{ connection: 'x' }, 'Expected one of plain, residual, highway for connection but received "x"'],
    [{ layers: 0 }, 'Expected an integer from 1 for layers but received 0'],
    [
      { connection: 'residual' },
      'Expected 2 layers or more for layers with connection residual but received 1',
    ],
  ])('refuses %j', (wrong, message) => {
    expect(() => new Stack({ cell: 'lstm', inputs: 5, units: 4, ...wrong })).toThrow(message)
  })
})
