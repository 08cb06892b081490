import { beforeAll, describe, expect, it } from 'vitest'
import { backends } from '../engine/fixtures/backends.js'
import { expectGradients, probed } from '../engine/fixtures/differences.js'
import { fill, floats, scaled, type Values } from '../engine/fixtures/values.js'
import type { Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { Bidirectional } from './bidirectional.js'
import { CELLS } from './cells.js'
import { elmanWith } from './elman.js'
import { withGraph } from './fixtures/graph.js'
import { atTime, expectClose, type Reference, readReference } from './fixtures/reference.js'
import { within } from './fixtures/tensors.js'

/** The reference is the network of the lecture: its cell squashes by σ. */
const sigmoidal = elmanWith((ops, sum) => ops.sigmoid(sum))
const ofReference = new Bidirectional({ cell: sigmoidal, inputs: 5, units: 7, outputs: 4 })
const STEPS = 6

let reference: Reference
beforeAll(async () => {
  reference = await readReference()
})

const inputsOf = (given: Readonly<Record<string, Tensor>>, steps = STEPS) =>
  Array.from({ length: steps }, (_, t) => given[`x${t}`]!)

const referenceInputs = (): Record<string, Values> =>
  Object.fromEntries(
    Array.from({ length: STEPS }, (_, t) => [`x${t}`, atTime(reference.values('input'), t)] as const),
  )

describe('the bidirectional network of the reference', () => {
  it('has its shapes', () => {
    const weights = reference.bidirectionalWeights()
    expect(ofReference.parameters.map(({ name, shape }) => [name, shape])).toEqual(
      Object.entries(weights).map(([name, { dims }]) => [name, dims]),
    )
  })

  it.each(backends)('equals PyTorch in values on %s', async (backend) => {
    await useBackend(backend)
    within({ ...reference.bidirectionalWeights(), ...referenceInputs() }, (ops, given) => {
      const outputs = ofReference.read(ops, given, inputsOf(given)).outputs()
      for (const [t, output] of outputs.entries())
        expectClose(ops.read(output), atTime(reference.values('bidirectional.output'), t).data, `output ${t}`)
    })
  })

  it('equals PyTorch in values in onnxruntime', async () => {
    const inputs = referenceInputs()
    await withGraph(
      reference.bidirectionalWeights(),
      Object.fromEntries(Object.keys(inputs).map((name) => [name, 3])),
      (ops, weights, given) => {
        const xs = Array.from({ length: STEPS }, (_, t) => given[`x${t}`]!)
        return Object.fromEntries(
          ofReference
            .read(ops, weights, xs)
            .outputs()
            .map((output, t) => [`o${t}`, output]),
        )
      },
      async (run) => {
        const outputs = await run(inputs)
        for (let t = 0; t < STEPS; t++)
          expectClose(
            outputs[`o${t}`]!.data,
            atTime(reference.values('bidirectional.output'), t).data,
            `output ${t}`,
          )
      },
    )
  })

  it.each(backends)('has gradients that central differences confirm on %s', async (backend) => {
    await useBackend(backend)
    expectGradients(
      { ...reference.bidirectionalWeights(), ...referenceInputs() },
      (ops, given) => probed(ops, ...ofReference.read(ops, given, inputsOf(given)).outputs()),
      { directions: 2 },
    )
  })
})

describe.each(Object.keys(CELLS))('both ways with %s', (cell) => {
  const network = new Bidirectional({
    cell,
    inputs: 3,
    units: 4,
    outputs: 2,
    layers: 2,
    connection: 'highway',
  })
  /** How long the sequence of each image is. */
  const lengths = [4, 2]
  const steps = 4
  const given: Record<string, Values> = {
    ...Object.fromEntries(network.parameters.map(({ name, shape }) => [name, scaled(0.5, floats(...shape))])),
    ...Object.fromEntries(Array.from({ length: steps }, (_, t) => [`x${t}`, floats(2, 1, 3)])),
  }
  const masksOf = (ops: TensorFlowOps) =>
    Array.from({ length: steps }, (_, t) =>
      ops.input(
        Float32Array.from(lengths, (length) => Number(t < length)),
        [2, 1, 1],
      ),
    )

  beforeAll(async () => {
    await useBackend('cpu')
  })

  it('reads a padded sequence as if it were alone, from both of its ends', () => {
    within(given, (ops, held) => {
      const inputs = inputsOf(held, steps)
      const padded = network.read(ops, held, inputs, masksOf(ops))
      for (const [image, length] of lengths.entries()) {
        const alone = network.read(ops, held, inputs.slice(0, length))
        const [outputs, outputsAlone] = [padded.outputs(), alone.outputs()]
        const rowOf = (value: Tensor) => {
          const values = ops.read(value)
          return [...values.slice((image * values.length) / 2, ((image + 1) * values.length) / 2)]
        }
        for (let t = 0; t < length; t++)
          expectClose(rowOf(outputs[t]!), rowOf(outputsAlone[t]!), `output ${t} of image ${image}`)
        expectClose(rowOf(padded.whole()), rowOf(alone.whole()), `whole of image ${image}`)
      }
    })
  })

  it('turned round with its directions exchanged, gives what it gave, turned round', () => {
    const exchanged = Object.fromEntries(
      Object.entries(given).map(([name, values]) => [
        name
          .replace(/^(forward|backward)\./, (_, way) => (way === 'forward' ? 'backward.' : 'forward.'))
          .replace(/^(v|v_backward)$/, (v) => (v === 'v' ? 'v_backward' : 'v')),
        values,
      ]),
    )
    const read = (weights: Record<string, Values>, order: <V>(values: V[]) => V[]) =>
      within(weights, (ops, held) =>
        network
          .read(ops, held, order(inputsOf(held, steps)))
          .outputs()
          .flatMap((output) => [...ops.read(output)]),
      )
    const once = read(given, (values) => values)
    const turned = read(exchanged, (values) => values.toReversed())
    const width = once.length / steps
    for (let t = 0; t < steps; t++)
      expectClose(
        turned.slice((steps - 1 - t) * width, (steps - t) * width),
        once.slice(t * width, (t + 1) * width),
        `output ${t}`,
      )
  })

  it('has gradients that central differences confirm', () => {
    expectGradients(
      given,
      (ops, held) => {
        const read = network.read(ops, held, inputsOf(held, steps), masksOf(ops))
        return probed(ops, ...read.outputs(), read.whole())
      },
      { directions: 1 },
    )
  })
})

describe('Bidirectional', () => {
  it('sees at each step what is before and what is after', async () => {
    await useBackend('cpu')
    const network = new Bidirectional({ cell: 'gru', inputs: 3, units: 4, outputs: 2 })
    const weights = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, floats(...shape)]))
    const xs = Array.from({ length: 3 }, () => floats(1, 1, 3))
    const read = (inputs: readonly Values[]) =>
      within({ ...weights, ...Object.fromEntries(inputs.map((x, t) => [`x${t}`, x])) }, (ops, held) => [
        ...ops.read(network.read(ops, held, inputsOf(held, 3)).outputs()[1]!),
      ])
    const before = read(xs)
    for (const changed of [0, 1, 2])
      expect(read(xs.map((x, t) => (t === changed ? fill([1, 1, 3], () => 0.5) : x)))).not.toEqual(before)
  })
})
