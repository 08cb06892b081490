import { beforeAll, describe, expect, it } from 'vitest'
import { differentiate, expectGradients, probed } from '../engine/fixtures/differences.js'
import { floats, scaled, type Values } from '../engine/fixtures/values.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { type Tensors, within } from './fixtures/tensors.js'
import { Stack } from './stack.js'
import { unroll } from './unroll.js'

const [HYPOTHESES, UNITS, STEPS] = [2, 4, 5]
/** How long each image's sequences are: one whole, one padded, one empty. */
const LENGTHS = [5, 3, 0]

const stack = new Stack({ cell: 'lstm', inputs: UNITS, units: UNITS, layers: 2, connection: 'residual' })

const drawn = (images: number): Record<string, Values> => ({
  ...Object.fromEntries(stack.parameters.map(({ name, shape }) => [name, scaled(0.5, floats(...shape))])),
  ...Object.fromEntries(stack.states.map((name) => [`before.${name}`, floats(images, HYPOTHESES, UNITS)])),
  ...Object.fromEntries(
    Array.from({ length: STEPS }, (_, t) => [`x${t}`, floats(images, HYPOTHESES, UNITS)]),
  ),
})

const startOf = (given: Tensors) =>
  Object.fromEntries(stack.states.map((name) => [name, given[`before.${name}`]!]))
const inputsOf = (given: Tensors, steps = STEPS) => Array.from({ length: steps }, (_, t) => given[`x${t}`]!)
const stepWith =
  (ops: TensorFlowOps, given: Tensors) => (x: Tensor, state: Readonly<Record<string, Tensor>>) =>
    stack.step(ops, given, x, state)

const masksOf = (ops: TensorFlowOps) =>
  Array.from({ length: STEPS }, (_, t) =>
    ops.input(Float32Array.from(LENGTHS.flatMap((length) => [t, t].map((time) => Number(time < length)))), [
      LENGTHS.length,
      HYPOTHESES,
      1,
    ]),
  )

const numbers = (ops: TensorFlowOps, value: Tensor) => [...ops.read(value)]
/** Those of one image. */
const rowsOf = (values: readonly number[], image: number) =>
  values.slice(image * HYPOTHESES * UNITS, (image + 1) * HYPOTHESES * UNITS)

beforeAll(async () => {
  await useBackend('cpu')
})

describe('unroll', () => {
  it('many to many: is one step after the other, and tells each the time', () => {
    within(drawn(2), (ops, given) => {
      const times: number[] = []
      const { outputs, state } = unroll(
        ops,
        (x, before, time) => {
          times.push(time)
          return stack.step(ops, given, x, before)
        },
        inputsOf(given),
        startOf(given),
      )
      expect(times).toEqual([0, 1, 2, 3, 4])
      let by = { output: given.x0!, state: startOf(given) } as ReturnType<typeof stack.step<Tensor>>
      for (const [t, x] of inputsOf(given).entries()) {
        by = stack.step(ops, given, x, by.state)
        expect(numbers(ops, outputs[t]!)).toEqual(numbers(ops, by.output))
      }
      for (const name of stack.states)
        expect(numbers(ops, state[name]!)).toEqual(numbers(ops, by.state[name]!))
    })
  })

  it('many to one: the last output is that of each sequence alone at its own last step', () => {
    const all = drawn(LENGTHS.length)
    within(all, (ops, given) => {
      const padded = unroll(ops, stepWith(ops, given), inputsOf(given), startOf(given), masksOf(ops))
      for (const [image, length] of LENGTHS.entries()) {
        const alone = unroll(ops, stepWith(ops, given), inputsOf(given, length), startOf(given))
        const last = alone.outputs.at(-1)
        const truth =
          last === undefined ? new Array(HYPOTHESES * UNITS).fill(0) : rowsOf(numbers(ops, last), image)
        expect(rowsOf(numbers(ops, padded.outputs.at(-1)!), image)).toEqual(truth)
        for (const name of stack.states)
          expect(rowsOf(numbers(ops, padded.state[name]!), image)).toEqual(
            rowsOf(numbers(ops, alone.state[name]!), image),
          )
      }
    })
  })

  it('a masked step is as if it were not: what stands there has no part in values and gradients', () => {
    const all = drawn(LENGTHS.length)
    const of = (given: Record<string, Values>) =>
      differentiate(given, (ops, held) => {
        const { outputs, state } = unroll(
          ops,
          stepWith(ops, held),
          inputsOf(held),
          startOf(held),
          masksOf(ops),
        )
        return probed(ops, ...outputs, ...Object.values(state))
      })
    const other = { ...all }
    for (let t = 0; t < STEPS; t++) {
      const data = Float32Array.from(all[`x${t}`]!.data)
      for (const [image, length] of LENGTHS.entries())
        if (t >= length) data.fill(7, image * HYPOTHESES * UNITS, (image + 1) * HYPOTHESES * UNITS)
      other[`x${t}`] = { ...all[`x${t}`]!, data }
    }
    const [one, two] = [of(all), of(other)]
    expect(two.loss).toBe(one.loss)
    expect(two.gradients).toEqual(one.gradients)
    for (let t = 0; t < STEPS; t++)
      for (const [image, length] of LENGTHS.entries()) {
        const felt = rowsOf([...one.gradients[`x${t}`]!], image).some((value) => value !== 0)
        expect(felt, `image ${image} at ${t}`).toBe(t < length)
      }
  })

  it('sequence to sequence: the second goes on where the first has ended', () => {
    within(drawn(2), (ops, given) => {
      const whole = unroll(ops, stepWith(ops, given), inputsOf(given), startOf(given))
      const read = unroll(ops, stepWith(ops, given), inputsOf(given, 2), startOf(given))
      const written = unroll(ops, stepWith(ops, given), inputsOf(given).slice(2), read.state)
      expect(written.outputs.map((output) => numbers(ops, output))).toEqual(
        whole.outputs.slice(2).map((output) => numbers(ops, output)),
      )
    })
  })

  it('has gradients that central differences confirm, masked and gone on from', () => {
    expectGradients(
      drawn(LENGTHS.length),
      (ops, given) => {
        const read = unroll(ops, stepWith(ops, given), inputsOf(given), startOf(given), masksOf(ops))
        const written = unroll(ops, stepWith(ops, given), inputsOf(given, 3), read.state)
        return probed(ops, ...read.outputs, ...written.outputs)
      },
      { directions: 2 },
    )
  })
})
