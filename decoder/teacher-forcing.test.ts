import { beforeAll, describe, expect, it } from 'vitest'
import type { Batch } from '../data/batches.js'
import { backends, tensorCount } from '../engine/fixtures/backends.js'
import { differentiate, evaluate, expectGradients, keptTensors } from '../engine/fixtures/differences.js'
import { largestDifference, type Values } from '../engine/fixtures/values.js'
import { initialize } from '../engine/initialize.js'
import { AdamW } from '../engine/optimiser.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { tensorsOf } from '../rnn/fixtures/tensors.js'
import { Decoder } from './decoder.js'
import { batchOf, steepWeights, TINY, tinyFeatures, tinyWeights, VARIANTS } from './fixtures/tiny.js'
import { type Regularisation, teacherForcingLoss } from './teacher-forcing.js'

const [END, START] = [1, 3]
type Captions = Parameters<typeof batchOf>[0]

/** Captions as words; what is fed and answered follows. */
const captions = (...photos: number[][][]): Captions =>
  photos.map((of) =>
    of.map(
      (words) =>
        [
          [START, ...words],
          [...words, END],
        ] as const,
    ),
  )

/** Two captions, and one that is shorter in a photo that lacks the second. */
const CAPTIONS = captions([[4, 5], [6]], [[5]])
const BATCH = batchOf(CAPTIONS)

const counted = (batch: Batch): number => batch.mask.reduce((sum, value) => sum + value, 0)

/** The loss as a function of weights under their names and the photos' features under `features`. */
const lossOf =
  (decoder: Decoder, batch: Batch, regularisation?: Regularisation) =>
  (ops: TensorFlowOps, given: Readonly<Record<string, Tensor>>): Tensor =>
    teacherForcingLoss(ops, decoder, given, batch, given.features!, regularisation && { regularisation })

const givenTo = (decoder: Decoder, images: number): Record<string, Values> => ({
  ...tinyWeights(decoder),
  features: tinyFeatures(decoder, images),
})

/** Features of some of the photos. */
function only({ dims, data }: Values, image: number): Values {
  const size = dims[1]! * dims[2]!
  return { dims: [1, ...dims.slice(1)], data: data.slice(image * size, (image + 1) * size) }
}

describe.each(VARIANTS)('teacher forcing of %s', (_, decoder) => {
  beforeAll(async () => {
    await useBackend('wasm')
  })

  it('has gradients that central differences confirm, dropout and smoothing included', () => {
    const regularisation = { dropout: 0.3, labelSmoothing: 0.1, seed: 1, step: 5 }
    const given = { ...steepWeights(decoder), features: tinyFeatures(decoder, 2) }
    expectGradients(given, lossOf(decoder, BATCH, regularisation), { directions: 1 })
  })

  it('is the mean of what step() says of the words one after the other', () => {
    const given = givenTo(decoder, 2)
    const ops = new TensorFlowOps()
    let [sum, words] = [0, 0]
    for (const [image, of] of CAPTIONS.entries())
      for (const [tokens, targets] of of)
        ops.scope(() => {
          const held = tensorsOf(ops, { ...given, features: only(given.features!, image) })
          let { memory, state } = decoder.start(ops, held, held.features!)
          for (const [t, token] of tokens.entries()) {
            const said = decoder.step(ops, held, ops.input(Int32Array.of(token), [1, 1]), memory, state)
            state = said.state
            sum -= ops.read(said.logProbs)[targets[t]!]!
            words++
          }
        })
    expect(words).toBe(counted(BATCH))
    expect(evaluate(given, lossOf(decoder, BATCH))).toBeCloseTo(sum / words, 5)
  })

  it('gives padding no part in loss and gradients, whatever stands there', () => {
    const given = givenTo(decoder, 2)
    const [tokens, targets] = [BATCH.tokens.slice(), BATCH.targets.slice()]
    let changed = 0
    for (const [position, counts] of BATCH.mask.entries())
      if (counts === 0) {
        tokens[position] = 1 + (position % 6)
        targets[position] = 6 - (position % 6)
        changed++
      }
    expect(changed).toBe(5)
    const one = differentiate(given, lossOf(decoder, BATCH))
    const other = differentiate(given, lossOf(decoder, { ...BATCH, tokens, targets }))
    expect(other.loss).toBe(one.loss)
    for (const [name, gradient] of Object.entries(one.gradients))
      expect(largestDifference(gradient, other.gradients[name]!), name).toBe(0)
  })

  it('is the mean of its photos, and of its captions, each by its words', () => {
    const given = givenTo(decoder, 2)
    const together = evaluate(given, lossOf(decoder, BATCH))
    const meanOf = (parts: readonly (readonly [image: number, of: Captions[number]])[]): number => {
      let [sum, words] = [0, 0]
      for (const [image, of] of parts) {
        const batch = batchOf([of])
        const alone = { ...given, features: only(given.features!, image) }
        sum += evaluate(alone, lossOf(decoder, batch)) * counted(batch)
        words += counted(batch)
      }
      return sum / words
    }
    expect(meanOf(CAPTIONS.map((of, image) => [image, of] as const))).toBeCloseTo(together, 5)
    expect(
      meanOf(CAPTIONS.flatMap((of, image) => of.map((caption) => [image, [caption]] as const))),
    ).toBeCloseTo(together, 5)
  })

  it('begins at ln V', () => {
    const large = new Decoder({
      ...decoder.config,
      vocabularySize: 60,
      embeddingSize: 16,
      units: 16,
      regionSize: 12,
    })
    const weights = initialize(large.parameters, 1)
    const given = Object.fromEntries(
      large.parameters.map(({ name, shape }): [string, Values] => [
        name,
        { dims: shape, data: weights[name]! },
      ]),
    )
    const batch = batchOf(
      captions(
        [
          [10, 20, 30],
          [40, 50],
        ],
        [[59], [7, 8, 9]],
      ),
    )
    const loss = evaluate({ ...given, features: tinyFeatures(large, 2) }, lossOf(large, batch))
    expect(Math.abs(loss - Math.log(60))).toBeLessThan(0.1)
  })
})

describe('teacher forcing', () => {
  const decoder = new Decoder(TINY)

  it('has the same loss and gradients on every backend, and leaves nothing behind', async () => {
    const regularisation = { dropout: 0.3, labelSmoothing: 0.1, seed: 1, step: 5 }
    const results = []
    for (const backend of backends) {
      await useBackend(backend)
      const before = tensorCount()
      results.push(differentiate(givenTo(decoder, 2), lossOf(decoder, BATCH, regularisation)))
      expect(tensorCount()).toBe(before)
    }
    const [first, ...others] = results
    for (const other of others) {
      expect(other.loss).toBeCloseTo(first!.loss, 5)
      for (const [name, gradient] of Object.entries(first!.gradients))
        expect(largestDifference(gradient, other.gradients[name]!), name).toBeLessThan(2e-6)
    }
  })

  describe('dropout', () => {
    beforeAll(async () => {
      await useBackend('cpu')
    })
    const given = givenTo(decoder, 2)
    const NONE: Regularisation = { dropout: 0, labelSmoothing: 0, seed: 1, step: 1 }
    const lossWith = (change: Partial<Regularisation>) =>
      evaluate(given, lossOf(decoder, BATCH, { ...NONE, ...change }))

    it('is a function of seed and step, and nothing at rate 0', () => {
      const once = lossWith({ dropout: 0.5 })
      expect(lossWith({ dropout: 0.5 })).toBe(once)
      expect(lossWith({ dropout: 0.5, step: 2 })).not.toBe(once)
      expect(lossWith({ dropout: 0.5, seed: 2 })).not.toBe(once)
      expect(lossWith({})).toBe(evaluate(given, lossOf(decoder, BATCH)))
      expect(lossWith({ step: 2, seed: 2 })).toBe(lossWith({}))
    })

    it('drops its share of regions, words, outputs and what layers hand on, each apart, and scales up the rest', () => {
      class Watched extends TensorFlowOps {
        readonly masks: { data: Float32Array; shape: readonly number[] }[] = []
        override input(data: Float32Array | Int32Array, shape: readonly number[]): Tensor {
          if (data instanceof Float32Array) this.masks.push({ data, shape })
          return super.input(data, shape)
        }
      }
      const sizes = { regions: 40, regionSize: 50, embeddingSize: 100, units: 90 }
      const wide = new Decoder({ ...TINY, ...sizes, layers: 3 })
      const batch = batchOf(captions([[4, 5, 6, 4, 5, 6, 4, 5, 6, 4, 5, 6, 4, 5, 6, 4, 5, 6, 4]]))
      const ops = new Watched()
      const held = keptTensors(new TensorFlowOps(), {
        ...tinyWeights(wide),
        features: tinyFeatures(wide, 1),
      })
      ops.scope(() => lossOf(wide, batch, { ...NONE, dropout: 0.4 })(ops, held))
      ops.dispose(Object.values(held))
      expect(ops.masks.map(({ shape }) => shape)).toEqual([
        [1, 40, 50],
        [1, 1, 20, 100],
        [1, 1, 20, 90],
        [1, 1, 20, 90],
        [1, 1, 20, 100],
      ])
      for (const { data } of ops.masks) {
        expect([...new Set(data)].sort()).toEqual([0, Math.fround(1 / 0.6)])
        const share = data.filter((value) => value === 0).length / data.length
        expect(Math.abs(share - 0.4)).toBeLessThan(0.05)
      }
      const beginnings = ops.masks.map(({ data }) => data.subarray(0, 1000).join())
      expect(new Set(beginnings).size).toBe(5)
    })
  })

  it.each(VARIANTS)('learns a toy batch by heart: %s', async (_, { config }) => {
    await useBackend('wasm')
    const learner = new Decoder({
      ...config,
      vocabularySize: 12,
      embeddingSize: 16,
      units: 16,
      regionSize: 16,
    })
    // One caption in each of two styles, so that every word can be known.
    const styled = (style: number, words: number[]) =>
      [
        [style, ...words],
        [...words, END],
      ] as const
    const batch = batchOf([
      [styled(2, [5, 6, 7]), styled(3, [8, 9])],
      [styled(2, [6, 10, 5]), styled(3, [11])],
      [styled(2, [7]), styled(3, [9, 8, 5, 6])],
    ])
    const features = tinyFeatures(learner, 3)
    const steps = 80
    const optimiser = new AdamW(
      {
        learningRate: 0.05,
        warmUpSteps: 5,
        totalSteps: steps,
        weightDecay: 0,
        betas: [0.9, 0.98],
        clipNorm: 2,
        averageDecay: 0.9,
      },
      initialize(learner.parameters, 1),
      learner.parameters,
    )
    const ops = new TensorFlowOps()
    const photos = ops.tensor(features.data, features.dims)
    const losses: number[] = []
    while (optimiser.step < steps) {
      const held = ops.tensors(learner.parameters, (name) => optimiser.weights[name]!)
      const { loss, gradients } = ops.gradients(held, (watched) =>
        teacherForcingLoss(ops, learner, watched, batch, photos),
      )
      ops.dispose(Object.values(held))
      optimiser.update(gradients)
      losses.push(loss)
    }
    ops.dispose([photos])
    expect(losses[0]).toBeGreaterThan(2)
    expect(losses.at(-1)).toBeLessThan(0.1)
  })
})
