import { describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import { AdamW, type OptimiserOptions } from './optimiser.js'

const OPTIONS: OptimiserOptions = {
  learningRate: 0.1,
  warmUpSteps: 0,
  totalSteps: 1000,
  weightDecay: 0.01,
  betas: [0.9, 0.98],
  clipNorm: 1000,
  averageDecay: 0.9,
}

/** Of `b` a bias, all others matrices. */
const shapesOf = (weights: Record<string, ArrayLike<number>>) =>
  Object.entries(weights).map(([name, { length }]) => ({
    name,
    shape: name === 'b' ? [length] : [1, length],
  }))
const optimise = (options: Partial<OptimiserOptions>, weights: Record<string, number[]>) =>
  new AdamW({ ...OPTIONS, ...options }, gradientsOf(weights), shapesOf(weights))

const gradientsOf = (values: Record<string, number[]>): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(values).map(([name, list]) => [name, Float32Array.from(list)]))

describe('AdamW', () => {
  it('makes a first step of the learning rate against the sign of the gradient, after the decay', () => {
    const optimiser = optimise({}, { w: [1, -2, 3], b: [1] })
    optimiser.update(gradientsOf({ w: [0.5, -4, 0], b: [2] }))
    const { w, b } = optimiser.weights
    // 1 · (1 − 0.1 · 0.01) − 0.1, and so on; a bias does not decay.
    for (const [i, truth] of [0.899, -1.898, 2.997].entries()) expect(w![i]).toBeCloseTo(truth, 6)
    expect(b![0]).toBeCloseTo(0.9, 6)
  })

  it('equals the algorithm written out, its decay times the rate, over steps of warm-up, cosine and clipping', () => {
    const random = new Random(1, 'adamw')
    const options = { warmUpSteps: 3, totalSteps: 12, clipNorm: 1.5, weightDecay: 0.05 }
    const start = { w: [0.3, -0.7, 1.1], b: [0.2, -0.1] }
    const optimiser = optimise(options, start)

    // Loshchilov and Hutter 2019, algorithm 2, with PyTorch's decay, one number at a time, in double precision.
    const truth = [...start.w, ...start.b].map((value) => ({ value, m: 0, v: 0, average: value }))
    for (let t = 1; t <= 12; t++) {
      const gradients = truth.map(() => (t % 4 === 0 ? 3 : 0.4) * random.normal())
      const norm = Math.hypot(...gradients)
      const rate = t <= 3 ? (0.1 * t) / 3 : 0.1 * Math.cos((Math.PI / 2) * ((t - 1 - 3) / (12 - 3))) ** 2
      expect(optimiser.learningRate).toBeCloseTo(rate, 10)
      truth.forEach((x, i) => {
        const g = gradients[i]! * Math.min(1, 1.5 / norm)
        x.m = 0.9 * x.m + 0.1 * g
        x.v = 0.98 * x.v + 0.02 * g ** 2
        const [m, v] = [x.m / (1 - 0.9 ** t), x.v / (1 - 0.98 ** t)]
        const decayed = i < 3 ? x.value * 0.05 : 0
        x.value -= rate * (m / (Math.sqrt(v) + 1e-8) + decayed)
        const decay = Math.min(0.9, t / (t + 10))
        x.average = decay * x.average + (1 - decay) * x.value
      })
      const returned = optimiser.update(gradientsOf({ w: gradients.slice(0, 3), b: gradients.slice(3) }))
      expect(returned).toBeCloseTo(norm, 5)
      const { w, b } = optimiser.weights
      for (const [i, value] of [...w!, ...b!].entries()) expect(value).toBeCloseTo(truth[i]!.value, 5)
      const { averages } = optimiser
      for (const [i, value] of [...averages.w!, ...averages.b!].entries())
        expect(value).toBeCloseTo(truth[i]!.average, 5)
    }
    expect(optimiser.step).toBe(12)
  })

  it('warms up to the highest rate and falls along half a cosine to zero', () => {
    const optimiser = optimise({ learningRate: 0.8, warmUpSteps: 4, totalSteps: 24 }, { w: [1] })
    const rateAt = (step: number): number => {
      optimiser.step = step
      return optimiser.learningRate
    }
    expect([0, 1, 2, 3].map(rateAt)).toEqual([0.2, 0.4, 0.6, 0.8].map((rate) => expect.closeTo(rate, 12)))
    expect(rateAt(4)).toBe(0.8)
    expect(rateAt(9)).toBeCloseTo(0.4 + 0.4 * Math.SQRT1_2, 12)
    expect(rateAt(14)).toBeCloseTo(0.4, 12)
    expect(rateAt(24)).toBe(0)
    expect(rateAt(30)).toBe(0)
    for (let step = 5; step <= 24; step++) expect(rateAt(step)).toBeLessThan(rateAt(step - 1))
  })

  it('has its highest rate at once without warm-up, and a rate however short the training', () => {
    expect(optimise({}, { w: [1] }).learningRate).toBe(0.1)
    const short = optimise({ warmUpSteps: 100, totalSteps: 2 }, { w: [1] })
    expect(short.learningRate).toBeCloseTo(0.001, 12)
    const whole = optimise({ warmUpSteps: 5, totalSteps: 5 }, { w: [1] })
    whole.step = 5
    expect(Number.isFinite(whole.learningRate)).toBe(true)
  })

  it('moves and decays a weight by its own share of the rate', () => {
    const begin = gradientsOf({ w: [1, 2], slow: [1, 2] })
    const optimiser = new AdamW(OPTIONS, begin, shapesOf(begin), (name) => (name === 'slow' ? 0.1 : 1))
    const plain = optimise({ learningRate: 0.01 }, { slow: [1, 2] })
    optimiser.update(gradientsOf({ w: [0, 0], slow: [0.3, -0.2] }))
    plain.update(gradientsOf({ slow: [0.3, -0.2] }))
    for (const [i, value] of plain.weights.slow!.entries())
      expect(optimiser.weights.slow![i]).toBeCloseTo(value, 6)
  })

  it('clips the norm of all gradients together, keeps their direction and returns the norm before', () => {
    const optimiser = optimise({ clipNorm: 2 }, { w: [0, 0], b: [0] })
    // (4, 0, 3) has norm 5 and becomes (1.6, 0, 1.2).
    expect(optimiser.update(gradientsOf({ w: [4, 0], b: [3] }))).toBe(5)
    const { state } = optimiser
    for (const [name, i, clipped] of [
      ['w', 0, 1.6],
      ['w', 1, 0],
      ['b', 0, 1.2],
    ] as const) {
      expect(state[`mean.${name}`]![i]).toBeCloseTo(0.1 * clipped, 6)
      expect(state[`square.${name}`]![i]).toBeCloseTo(0.02 * clipped ** 2, 6)
    }
    const free = optimise({ clipNorm: 5 }, { w: [0, 0], b: [0] })
    expect(free.update(gradientsOf({ w: [4, 0], b: [3] }))).toBe(5)
    expect(free.state['mean.w']![0]).toBeCloseTo(0.4, 6)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses a gradient with %s and changes nothing',
    (value) => {
      const optimiser = optimise({}, { w: [1, 2] })
      expect(() => optimiser.update(gradientsOf({ w: [1, value] }))).toThrow(
        expect.objectContaining({
          code: 'NUMERIC',
          message: expect.stringMatching(/^Expected a finite gradient for step 1 but received/),
        }),
      )
      expect([...optimiser.weights.w!]).toEqual([1, 2])
      expect(optimiser.step).toBe(0)
    },
  )

  it('averages from the first weights on, and follows them closely at first', () => {
    const optimiser = optimise({ averageDecay: 0.5, weightDecay: 0 }, { w: [1] })
    expect([...optimiser.averages.w!]).toEqual([1])
    optimiser.update(gradientsOf({ w: [1] }))
    // 1 − 1/11 of the way to the weight 0.9.
    expect(optimiser.averages.w![0]).toBeCloseTo(1 - (10 / 11) * 0.1, 6)
    optimiser.step = 1000
    const before = optimiser.averages.w![0]!
    optimiser.update(gradientsOf({ w: [1] }))
    expect(optimiser.averages.w![0]).toBeCloseTo((before + optimiser.weights.w![0]!) / 2, 6)
  })

  it('goes on from a restored state bit for bit', () => {
    const random = new Random(2, 'restore')
    const gradients = Array.from({ length: 8 }, () =>
      gradientsOf({ w: [random.normal(), random.normal()], b: [random.normal()] }),
    )
    const options = { warmUpSteps: 2, totalSteps: 8 }
    const whole = optimise(options, { w: [1, 2], b: [3] })
    for (const given of gradients.slice(0, 4)) whole.update(given)
    const saved = new Map(Object.entries(whole.state).map(([name, values]) => [name, values.slice()]))
    const resumed = optimise(options, { w: [0, 0], b: [0] })
    resumed.restore(whole.step, (name) => saved.get(name)!)
    for (const given of gradients.slice(4)) expect(resumed.update(given)).toBe(whole.update(given))
    expect(resumed.state).toEqual(whole.state)
    expect(resumed.weights).toEqual(whole.weights)
    expect(resumed.step).toBe(8)
  })

  it('refuses a state of other lengths and changes nothing', () => {
    const optimiser = optimise({}, { w: [1, 2], b: [3] })
    optimiser.update(gradientsOf({ w: [1, 1], b: [1] }))
    const before = structuredClone(optimiser.state)
    expect(() => optimiser.restore(3, (name) => new Float32Array(name === 'mean.b' ? 3 : 2))).toThrow(
      expect.objectContaining({
        code: 'INVALID_BUNDLE',
        message: 'Expected 1 values for mean.b but received 3',
      }),
    )
    expect(optimiser.state).toEqual(before)
    expect(optimiser.step).toBe(1)
  })
})
