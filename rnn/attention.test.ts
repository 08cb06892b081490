import { beforeAll, describe, expect, it } from 'vitest'
import { backends } from '../engine/fixtures/backends.js'
import { differentiate, expectGradients, probed } from '../engine/fixtures/differences.js'
import { at, fill, floats, scaled, total, type Values } from '../engine/fixtures/values.js'
import { useBackend } from '../engine/use-backend.js'
import { ATTENTIONS, additive, dot } from './attention.js'
import { withGraph } from './fixtures/graph.js'
import { softmax } from './fixtures/loops.js'
import { expectClose, type Reference, readReference } from './fixtures/reference.js'
import { within } from './fixtures/tensors.js'

let reference: Reference
beforeAll(async () => {
  reference = await readReference()
})

const valuesOf = (name: string): Values => reference.values(`attention.${name}`)

function weightsOf(prefix = ''): Record<string, Values> {
  const { dims, data } = valuesOf(`${prefix}v`)
  return {
    w_query: valuesOf(`${prefix}w_query`),
    w_key: valuesOf(`${prefix}w_key`),
    b: valuesOf(`${prefix}b`),
    v: { dims: [dims[0]!, 1], data },
  }
}

/** The query of the reference [images, units] as [images, 1, units], and its regions. */
function given(): { query: Values; regions: Values } {
  const { dims, data } = valuesOf('query')
  return { query: { dims: [dims[0]!, 1, dims[1]!], data }, regions: valuesOf('features') }
}

describe('additive attention', () => {
  it('has the shapes of the reference', () => {
    expect(additive.parameters(11, 7, 4).map(({ name, shape }) => [name, shape])).toEqual(
      Object.entries(weightsOf()).map(([name, { dims }]) => [name, dims]),
    )
  })

  it.each(backends)('equals PyTorch in values and in the gradient of every weight on %s', async (backend) => {
    await useBackend(backend)
    const probe = valuesOf('probe').data as Float32Array
    const { gradients } = differentiate({ ...weightsOf(), ...given() }, (ops, all) => {
      const alignment = additive.align(ops, all, all.query!, additive.keys(ops, all, all.regions!))
      expect(alignment.shape).toEqual([3, 1, 9])
      expectClose(ops.read(alignment), valuesOf('alignment').data, 'alignment')
      const context = ops.matMul(alignment, all.regions!)
      expectClose(ops.read(context), valuesOf('context').data, 'context')
      return ops.sum(ops.reshape(ops.mul(context, ops.input(probe, [3, 1, 11])), [-1]), 0)
    })
    for (const [name, { data }] of Object.entries(weightsOf('grad.')))
      expectClose(gradients[name]!, data, `the gradient of ${name}`)
  })

  it('equals PyTorch in values in onnxruntime', async () => {
    await withGraph(
      weightsOf(),
      { query: 3, regions: 3 },
      (ops, weights, { query, regions }) => {
        const alignment = additive.align(ops, weights, query!, additive.keys(ops, weights, regions!))
        return { alignment, context: ops.matMul(alignment, regions!) }
      },
      async (run) => {
        const { alignment, context } = await run(given())
        expectClose(alignment!.data, valuesOf('alignment').data, 'alignment')
        expectClose(context!.data, valuesOf('context').data, 'context')
      },
    )
  })
})

describe('dot attention', () => {
  const weights = { w_query: floats(3, 4), w_key: floats(5, 4) }
  const given = { query: floats(2, 3, 3), regions: floats(2, 6, 5) }
  const truth = fill([2, 3, 6], (image, hypothesis, region) => {
    const project = (x: Values, row: number, w: Values) =>
      Array.from({ length: 4 }, (_, a) => total(w.dims[0]!, (i) => at(x, image!, row, i) * at(w, i, a)))
    const asked = project(given.query, hypothesis!, weights.w_query)
    const scores = Array.from({ length: 6 }, (_, r) => {
      const key = project(given.regions, r, weights.w_key)
      return total(4, (a) => asked[a]! * key[a]!) / 2
    })
    return softmax(scores)[region!]!
  })

  it.each(backends)(
    'is softmax of the products of query and keys over the root of their size on %s',
    async (backend) => {
      await useBackend(backend)
      within({ ...weights, ...given }, (ops, all) => {
        const alignment = dot.align(ops, all, all.query!, dot.keys(ops, all, all.regions!))
        expect(alignment.shape).toEqual([2, 3, 6])
        expectClose(ops.read(alignment), truth.data, 'alignment')
      })
    },
  )

  it('is it in onnxruntime', async () => {
    await withGraph(
      weights,
      { query: 3, regions: 3 },
      (ops, held, { query, regions }) => ({
        alignment: dot.align(ops, held, query!, dot.keys(ops, held, regions!)),
      }),
      async (run) => {
        expectClose((await run(given)).alignment!.data, truth.data, 'alignment')
      },
    )
  })
})

describe.each(Object.keys(ATTENTIONS))('attention %s', (name) => {
  const attention = ATTENTIONS[name]!
  const weights = Object.fromEntries(
    attention
      .parameters(5, 3, 4)
      .map((parameter) => [parameter.name, scaled(0.5, floats(...parameter.shape))]),
  )

  it.each(backends)(
    'of many hypotheses has gradients that central differences confirm on %s',
    async (backend) => {
      await useBackend(backend)
      const given = { query: floats(2, 3, 3), regions: floats(2, 4, 5) }
      expectGradients({ ...weights, ...given }, (ops, all) => {
        const alignment = attention.align(ops, all, all.query!, attention.keys(ops, all, all.regions!))
        return probed(ops, ops.matMul(alignment, all.regions!))
      })
    },
  )

  it('gives every hypothesis its own shares, which sum to 1', async () => {
    await useBackend('cpu')
    const [query, regions] = [floats(2, 3, 3), floats(2, 4, 5)]
    const align = (asked: Values): number[] =>
      within({ ...weights, regions, asked }, (ops, held) => {
        const keys = attention.keys(ops, held, held.regions!)
        return [...ops.read(attention.align(ops, held, held.asked!, keys))]
      })
    const together = align(query)
    for (let hypothesis = 0; hypothesis < 3; hypothesis++) {
      const row = (image: number) => 9 * image + 3 * hypothesis
      const alone = align({
        dims: [2, 1, 3],
        data: Float32Array.from([0, 1].flatMap((image) => [...query.data.slice(row(image), row(image) + 3)])),
      })
      for (let image = 0; image < 2; image++) {
        const from = 12 * image + 4 * hypothesis
        const shares = together.slice(from, from + 4)
        expectClose(shares, alone.slice(4 * image, 4 * image + 4), `shares of hypothesis ${hypothesis}`)
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6)
      }
    }
  })
})
