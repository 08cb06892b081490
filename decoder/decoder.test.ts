import { beforeAll, describe, expect, it } from 'vitest'
import { at, total, type Values } from '../engine/fixtures/values.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { type LoopState, linear, sigmoid, softmax, stackLoop } from '../rnn/fixtures/loops.js'
import { tensorsOf } from '../rnn/fixtures/tensors.js'
import { Decoder, decoderConfigSchema } from './decoder.js'
import { EVERY_VARIANT, inWords, TINY, tinyFeatures, tinyWeights } from './fixtures/tiny.js'

const VARIANTS = EVERY_VARIANT.map(
  (variant) => [inWords(variant), new Decoder({ ...TINY, ...variant })] as const,
)

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
  { config, states }: Decoder,
  weights: Record<string, Values>,
  regions: number[][],
  tokens: number[],
): Said[] {
  const through = (x: readonly number[], name: string) => linear(weights, x, `${name}.w`, `${name}.b`)
  const seen = regions.map((region) => through(region, 'region').map((x) => Math.max(0, x)))
  const mean = seen[0]!.map((_, i) => total(seen.length, (r) => seen[r]![i]!) / seen.length)
  let state: LoopState = Object.fromEntries(
    states.map((name) => [name, through(mean, `initial.${name}`).map(Math.tanh)]),
  )
  /** How well a region answers what is asked. */
  const score = (asked: readonly number[], region: readonly number[]): number => {
    const key = linear(weights, region, 'attention.w_key')
    if (config.attention === 'dot')
      return total(key.length, (i) => key[i]! * asked[i]!) / Math.sqrt(config.attentionUnits)
    const b = weights['attention.b']!
    return linear(
      weights,
      key.map((value, i) => Math.tanh(value + asked[i]! + at(b, i))),
      'attention.v',
    )[0]!
  }
  return tokens.map((token) => {
    const word = Array.from({ length: config.embeddingSize }, (_, i) => at(weights.embedding!, token, i))
    let context: number[] = []
    let alignment: number[] = []
    if (config.attention !== 'none') {
      const hidden = state[config.layers === 1 ? 'hidden' : `hidden${config.layers}`]!
      const asked = linear(weights, hidden, 'attention.w_query')
      alignment = softmax(seen.map((region) => score(asked, region)))
      const gate = through(hidden, 'gate').map(sigmoid)
      context = gate.map((share, i) => share * total(seen.length, (r) => alignment[r]! * seen[r]![i]!))
    }
    const { said } = state
    const stepped = stackLoop(config, weights, 'cell.', [...word, ...context], state)
    state = stepped.state
    let output = through([...stepped.output, ...context, ...word], 'output').map(Math.tanh)
    if (said !== undefined) {
      const after = said.map((value, i) => value + word[i]!)
      const gate = through(stepped.output, 'said').map(sigmoid)
      output = output.map((value, i) => value - gate[i]! * after[i]!)
      state = { ...state, said: after }
    }
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
  return ops.scope(() => {
    const held = tensorsOf(ops, { ...weights, features })
    const { memory, state: started } = decoder.start(ops, held, held.features!)
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
  it.each(VARIANTS)(
    'has each parameter once, those of the attention where there is one: %s',
    (_, decoder) => {
      const names = decoder.parameters.map(({ name }) => name)
      expect(new Set(names).size).toBe(names.length)
      const attends = decoder.config.attention !== 'none'
      expect(names.some((name) => name.startsWith('attention.') || name.startsWith('gate.'))).toBe(attends)
    },
  )

  it('of one layer has the names of parameters and states that bundles have', () => {
    const { parameters, states } = new Decoder(TINY)
    expect(states).toEqual(['hidden', 'cell'])
    expect(parameters.map(({ name }) => name)).toEqual([
      ...['embedding', 'bias', 'region.w', 'region.b'],
      ...['initial.hidden.w', 'initial.hidden.b', 'initial.cell.w', 'initial.cell.b', 'cell.w', 'cell.b'],
      ...['output.w', 'output.b', 'attention.w_query', 'attention.w_key', 'attention.b', 'attention.v'],
      ...['gate.w', 'gate.b'],
    ])
  })

  it('refuses a connection where there is nothing to connect', () => {
    expect(() => new Decoder({ ...TINY, connection: 'highway' })).toThrow(
      'Expected 2 layers or more for layers with connection highway but received 1',
    )
  })

  it('drops what layers hand on, and nothing else, by the masks it is given', async () => {
    await useBackend('cpu')
    const decoder = new Decoder({ ...TINY, layers: 3 })
    const ops = new TensorFlowOps()
    ops.scope(() => {
      const held = tensorsOf(ops, { ...tinyWeights(decoder), features: tinyFeatures(decoder, 1) })
      const { memory, state } = decoder.start(ops, held, held.features!)
      /** The hidden states of the layers after a word. */
      const after = (token: number, masks?: readonly number[]) => {
        const word = decoder.embed(ops, held, ops.input(Int32Array.of(token), [1, 1]))
        const dropout = masks?.map((value) =>
          ops.input(new Float32Array(TINY.units).fill(value), [1, 1, TINY.units]),
        )
        const said = decoder.advance(ops, held, word, memory, state, dropout)
        return ['hidden', 'hidden2', 'hidden3'].map((name) => [...ops.read(said.state[name]!)])
      }
      const [whole, other] = [after(4), after(5)]
      expect(after(4, [1, 1])).toEqual(whole)
      for (const layer of [0, 1, 2]) expect(whole[layer]).not.toEqual(other[layer])
      const [cutLow, otherLow] = [after(4, [0, 1]), after(5, [0, 1])]
      expect([cutLow[0], otherLow[0]]).toEqual([whole[0], other[0]])
      expect(cutLow.slice(1)).toEqual(otherLow.slice(1))
      const [cutHigh, otherHigh] = [after(4, [1, 0]), after(5, [1, 0])]
      expect(cutHigh.slice(0, 2)).toEqual(whole.slice(0, 2))
      expect(cutHigh[2]).toEqual(otherHigh[2])
      expect(after(4, [2, 1])[1]).not.toEqual(whole[1])
    })
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
    { layers: 0 },
    { connection: 'valueOf' },
    { units: 0 },
    { regions: 1.5 },
    { vocabularySize: 3 },
    { dropout: 0.4 },
  ])('refuses %j', (wrong) => {
    expect(decoderConfigSchema.safeParse({ ...TINY, ...wrong }).success).toBe(false)
  })
})
