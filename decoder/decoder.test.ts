import { beforeAll, describe, expect, it } from 'vitest'
import { at, total, type Values } from '../engine/fixtures/values.js'
import { type Tensor, TensorFlowOps, useBackend } from '../engine/tensorflow.js'
import { Decoder, decoderConfigSchema } from './decoder.js'
import { TINY, tinyFeatures, tinyWeights, VARIANTS } from './fixtures/tiny.js'

/** Tokens [images, hypotheses] that are fed one after the other. */
const FED = [
  [3, 3, 3, 3, 3, 3],
  [4, 6, 5, 5, 1, 4],
  [0, 2, 6, 4, 4, 4],
] as const
const [IMAGES, HYPOTHESES] = [2, 3]

interface Said {
  readonly logProbs: readonly number[]
  readonly alignment: readonly number[]
}

/** The decoder of Xu et al. written out for one photo and one hypothesis, in double precision. */
function writtenOut(
  { config }: Decoder,
  weights: Record<string, Values>,
  regions: number[][],
  tokens: number[],
): Said[] {
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
  const linear = (x: readonly number[], w: string, b?: string) =>
    Array.from(
      { length: weights[w]!.dims[1]! },
      (_, j) =>
        (b === undefined ? 0 : at(weights[b]!, j)) + total(x.length, (i) => x[i]! * at(weights[w]!, i, j)),
    )
  const softmax = (x: readonly number[]) =>
    x.map((value) => Math.exp(value) / total(x.length, (i) => Math.exp(x[i]!)))
  const seen = regions.map((region) => linear(region, 'region.w', 'region.b').map((x) => Math.max(0, x)))
  const mean = seen[0]!.map((_, i) => total(seen.length, (r) => seen[r]![i]!) / seen.length)
  let hidden = linear(mean, 'initial.hidden.w', 'initial.hidden.b').map(Math.tanh)
  let cell = config.cell === 'lstm' ? linear(mean, 'initial.cell.w', 'initial.cell.b').map(Math.tanh) : []
  return tokens.map((token) => {
    const word = Array.from({ length: config.embeddingSize }, (_, i) => at(weights.embedding!, token, i))
    let context: number[] = []
    let alignment: number[] = []
    if (config.attention === 'additive') {
      const asked = linear(hidden, 'attention.w_query')
      alignment = softmax(
        seen.map((region) => {
          const key = linear(region, 'attention.w_key', 'attention.b')
          return linear(
            key.map((value, i) => Math.tanh(value + asked[i]!)),
            'attention.v',
          )[0]!
        }),
      )
      const gate = linear(hidden, 'gate.w', 'gate.b').map(sigmoid)
      context = gate.map((share, i) => share * total(seen.length, (r) => alignment[r]! * seen[r]![i]!))
    }
    const sum = linear([...word, ...context, ...hidden], 'cell.w', 'cell.b')
    if (config.cell === 'lstm') {
      const n = config.units
      cell = cell.map((c, u) => sigmoid(sum[n + u]!) * c + sigmoid(sum[u]!) * Math.tanh(sum[2 * n + u]!))
      hidden = cell.map((c, u) => sigmoid(sum[3 * n + u]!) * Math.tanh(c))
    } else hidden = sum.map(Math.tanh)
    const output = linear([...hidden, ...context, ...word], 'output.w', 'output.b').map(Math.tanh)
    const scores = Array.from(
      { length: config.vocabularySize },
      (_, id) =>
        at(weights.bias!, id) + total(output.length, (i) => output[i]! * at(weights.embedding!, id, i)),
    )
    return { logProbs: softmax(scores).map(Math.log), alignment }
  })
}

/** What `start` and `step` say, with the state of the photos handed to every hypothesis. */
function stepped(decoder: Decoder, weights: Record<string, Values>, features: Values): Said[] {
  const ops = new TensorFlowOps()
  const tensorOf = ({ data, dims }: Values) => ops.input(data as Float32Array, dims)
  return ops.scope(() => {
    const held: Record<string, Tensor> = Object.fromEntries(
      Object.entries(weights).map(([name, values]) => [name, tensorOf(values)]),
    )
    const { memory, state: started } = decoder.start(ops, held, tensorOf(features))
    const first = ops.input(new Int32Array(IMAGES * HYPOTHESES), [IMAGES, HYPOTHESES])
    let state = Object.fromEntries(
      Object.entries(started).map(([name, value]) => [name, ops.select(value, first)]),
    )
    expect(Object.keys(state)).toEqual(decoder.states)
    return FED.map((ids) => {
      const tokens = ops.input(Int32Array.from(ids), [IMAGES, HYPOTHESES])
      const said = decoder.step(ops, held, tokens, memory, state)
      state = said.state
      expect(said.logProbs.shape).toEqual([IMAGES, HYPOTHESES, decoder.config.vocabularySize])
      if (said.alignment !== undefined)
        expect(said.alignment.shape).toEqual([IMAGES, HYPOTHESES, decoder.config.regions])
      return {
        logProbs: [...ops.read(said.logProbs)],
        alignment: said.alignment === undefined ? [] : [...ops.read(said.alignment)],
      }
    })
  })
}

describe.each(['cpu', 'wasm'] as const)('Decoder on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend)
  })

  it.each(VARIANTS)('says what the definition says, of every photo and hypothesis: %s', (_, decoder) => {
    const weights = tinyWeights(decoder)
    const features = tinyFeatures(decoder, IMAGES)
    const said = stepped(decoder, weights, features)
    const { regions, channels } = decoder.config
    for (let image = 0; image < IMAGES; image++)
      for (let hypothesis = 0; hypothesis < HYPOTHESES; hypothesis++) {
        const row = image * HYPOTHESES + hypothesis
        const photo = Array.from({ length: regions }, (_, r) =>
          Array.from({ length: channels }, (_, c) => at(features, image, r, c)),
        )
        const truth = writtenOut(
          decoder,
          weights,
          photo,
          FED.map((ids) => ids[row]!),
        )
        for (const [t, right] of truth.entries())
          for (const what of ['logProbs', 'alignment'] as const) {
            const width = right[what].length
            const ours = said[t]![what].slice(row * width, (row + 1) * width)
            const error = Math.max(0, ...ours.map((value, i) => Math.abs(value - right[what][i]!)))
            expect(ours.length).toBe(width)
            expect(error, `${what} of photo ${image}, hypothesis ${hypothesis}, word ${t}`).toBeLessThan(2e-6)
          }
      }
  })
})

describe('Decoder', () => {
  it.each(VARIANTS)('has each parameter once and needs nothing else: %s', (_, decoder) => {
    const names = decoder.parameters.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    const attends = decoder.config.attention !== 'none'
    expect(names.some((name) => name.startsWith('attention.') || name.startsWith('gate.'))).toBe(attends)
  })

  it('counts its parameters as the formula does', () => {
    const size = new Decoder({ ...TINY, cell: 'lstm', attention: 'additive' }).parameters.reduce(
      (sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1),
      0,
    )
    const {
      vocabularySize: v,
      channels: c,
      embeddingSize: e,
      units: n,
      regionSize: r,
      attentionUnits: a,
    } = TINY
    expect(size).toBe(
      v * (e + 1) +
        (c + 1) * r +
        2 * (r + 1) * n +
        (e + r + n + 1) * 4 * n +
        (n + r + e + 1) * e +
        (n * a + r * a + a + a) +
        (n + 1) * r,
    )
  })
})

describe('decoderConfigSchema', () => {
  it('takes a configuration as it is', () => {
    expect(decoderConfigSchema.parse(TINY)).toEqual(TINY)
    expect(decoderConfigSchema.safeParse({ ...TINY, attention: 'none', cell: 'rnn' }).success).toBe(true)
  })

  it.each([
    { cell: 'toString' },
    { attention: 'constructor' },
    { units: 0 },
    { regions: 1.5 },
    { vocabularySize: 3 },
    { dropout: 0.4 },
  ])('refuses %j', (wrong) => {
    expect(decoderConfigSchema.safeParse({ ...TINY, ...wrong }).success).toBe(false)
  })
})
