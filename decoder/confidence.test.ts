import { describe, expect, it } from 'vitest'
import { scoreConfidence } from '../metrics/calibration.js'
import { Random } from '../random.js'
import {
  type Confidence,
  type ConfidenceExample,
  confidenceOf,
  fitConfidence,
  isRight,
} from './confidence.js'

const TRUE: Confidence = {
  weights: [1, 2, 0.5, -0.4],
  objects: { person: 1.5, dog: 0, frisbee: -1, bench: -0.5 },
  calibration: 'drawn',
}
const THINGS = ['man', 'dog', 'frisbee', 'bench']

/** Captions whose objects stand in the reference as often as the model of `TRUE` says. */
function simulated(count: number, seed: string): ConfidenceExample[] {
  const random = new Random(seed)
  return Array.from({ length: count }, () => {
    const named = THINGS.filter(() => random.uniform() < 0.5)
    const tokens = [...named, ...Array.from({ length: 1 + random.below(9) }, () => 'with')]
    const wordLogProbs = tokens.map(() => -3 * random.uniform())
    const logProb = wordLogProbs.reduce((sum, value) => sum + value, -random.uniform())
    // Written out once more: intercept, probability of the word, mean, other objects, the object itself.
    const reference = named.filter((thing, at) => {
      const mean = logProb / (tokens.length + 1)
      const own = { man: 1.5, dog: 0, frisbee: -1, bench: -0.5 }[thing]!
      const odds = 1 + 2 * Math.exp(wordLogProbs[at]!) + 0.5 * mean - 0.4 * (named.length - 1) + own
      return random.uniform() < 1 / (1 + Math.exp(-odds))
    })
    return { tokens, wordLogProbs, logProb, references: [reference] }
  })
}

/** Captions of one to seven objects, of which 90 of 100 stand in the reference, whatever the others and the words. */
function crowded(count: number, seed: string): ConfidenceExample[] {
  const random = new Random(seed, count)
  return Array.from({ length: count }, () => {
    const tokens = random.shuffle([...THINGS, 'cat', 'pizza', 'bus']).slice(0, 1 + random.below(7))
    const wordLogProbs = tokens.map(() => -2 * random.uniform())
    const logProb = wordLogProbs.reduce((sum, value) => sum + value, -0.1)
    return { tokens, wordLogProbs, logProb, references: [tokens.filter(() => random.uniform() < 0.9)] }
  })
}

describe('fitConfidence', () => {
  it('finds the weights that examples were drawn with', () => {
    const { weights, objects } = fitConfidence(simulated(20_000, 'many'))
    for (const [i, weight] of weights.entries()) expect(Math.abs(weight - TRUE.weights[i]!)).toBeLessThan(0.3)
    expect(Object.keys(objects).sort()).toEqual(Object.keys(TRUE.objects).sort())
    for (const [object, own] of Object.entries(objects))
      expect(Math.abs(own - TRUE.objects[object]!)).toBeLessThan(0.3)
  })

  it('trusts an object that was seen twice less than one that was seen often', () => {
    const said = (token: string, right: boolean): ConfidenceExample => ({
      tokens: [token],
      wordLogProbs: [-1],
      logProb: -2,
      references: [[right ? token : '']],
    })
    const examples = Array.from({ length: 200 }, (_, i) => said('man', i % 2 === 0))
    for (let i = 0; i < 100; i++) examples.push(said('dog', true))
    for (let i = 0; i < 2; i++) examples.push(said('bench', true))
    const { objects } = fitConfidence(examples)
    expect(objects.bench).toBeGreaterThan(objects.person!)
    expect(objects.dog).toBeGreaterThan(objects.bench! + 1)
  })

  it('gives confidences as high as captions are right', () => {
    const fitted = { ...fitConfidence(simulated(4000, 'one half')), calibration: '' }
    const others = simulated(4000, 'the other').filter(({ tokens }) => tokens.some((t) => THINGS.includes(t)))
    for (const [low, high] of [
      [0, 0.3],
      [0.3, 0.6],
      [0.6, 1],
    ] as const) {
      const inside = others.filter((example) => {
        const confidence = confidenceOf(fitted, example)
        return confidence >= low && confidence < high
      })
      const said = inside.reduce((sum, example) => sum + confidenceOf(fitted, example), 0) / inside.length
      expect(inside.length).toBeGreaterThan(150)
      expect(inside.filter(isRight).length / inside.length).toBeCloseTo(said, 1)
    }
  })

  it.each([true, false])('stays finite where every caption is %s', (right) => {
    const examples = simulated(100, 'one-sided').map((example) => ({
      ...example,
      references: [right ? example.tokens : ['']],
    }))
    const fitted = { ...fitConfidence(examples), calibration: '' }
    expect([...fitted.weights, ...Object.values(fitted.objects)].every(Number.isFinite)).toBe(true)
    for (const example of examples.filter(({ tokens }) => THINGS.includes(tokens[0]!))) {
      const p = confidenceOf(fitted, example)
      expect(right ? p : 1 - p).toBeGreaterThan(0.8)
    }
  })

  it.each([400, 3000])('finds the best weights of %i captions of up to seven objects', (count) => {
    const examples = crowded(count, 'fitted')
    const right = examples.map(isRight)
    const { weights, objects } = fitConfidence(examples)
    const names = Object.keys(objects)
    const fitted = [...weights, ...Object.values(objects)]
    const asWeights = (values: readonly number[]): Confidence => ({
      weights: [values[0]!, values[1]!, values[2]!, values[3]!],
      objects: Object.fromEntries(names.map((name, i) => [name, values[4 + i]!])),
      calibration: '',
    })
    // Log-likelihood less what weights cost, those of objects being drawn from a standard normal distribution.
    const worth = (values: readonly number[]): number => {
      const confidence = asWeights(values)
      const fits = examples.map((example, i) => {
        const p = confidenceOf(confidence, example)
        return Math.log(right[i] ? p : 1 - p)
      })
      const costs = values.map((value, i) => (i < 4 ? 1e-3 : 1) * (value ** 2 / 2))
      return fits.reduce((sum, value) => sum + value, 0) - costs.reduce((sum, value) => sum + value, 0)
    }
    // The odds that they were drawn with.
    const drawn = fitted.map((_, i) => (i === 0 ? Math.log(9) : 0))
    expect(worth(fitted)).toBeGreaterThanOrEqual(worth(drawn))
    const step = 1e-4
    for (const [i, value] of fitted.entries()) {
      const slope = (worth(fitted.with(i, value + step)) - worth(fitted.with(i, value - step))) / (2 * step)
      expect(Math.abs(slope), `slope of weight ${i}`).toBeLessThan(1e-4)
    }
    const others = crowded(3000, 'others')
    const said = others.map((example) => confidenceOf(asWeights(fitted), example))
    expect(scoreConfidence(said, others.map(isRight)).error).toBeLessThan(0.05)
  })

  it('refuses what is no number', () => {
    const [first, ...rest] = crowded(20, 'broken')
    const broken = { ...first!, logProb: Number.NaN }
    expect(() => fitConfidence([broken, ...rest])).toThrow(
      'Expected less than 0.001 nats from step 50 for the fit of the confidence but received NaN',
    )
  })

  it('knows nothing without examples', () => {
    expect(fitConfidence([])).toEqual({ weights: [0, 0, 0, 0], objects: {} })
  })
})

describe('confidenceOf', () => {
  const said = {
    tokens: ['a', 'man', 'throws', 'a', 'frisbee'],
    wordLogProbs: [-1, -2, -3, -4, -5],
    logProb: -18,
  }
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

  it('is the product of the logistics of the objects', () => {
    const shared = 1 + 0.5 * -3 - 0.4
    expect(confidenceOf(TRUE, said)).toBeCloseTo(
      sigmoid(shared + 2 * Math.exp(-2) + 1.5) * sigmoid(shared + 2 * Math.exp(-5) - 1),
      12,
    )
  })

  it('falls with every object more, and one that is named twice counts once', () => {
    const of = (...tokens: string[]) =>
      confidenceOf(TRUE, { tokens, wordLogProbs: tokens.map(() => -1), logProb: -4 })
    expect(of('a', 'dog', 'and', 'it')).toBeGreaterThan(of('a', 'dog', 'and', 'bench'))
    expect(of('a', 'dog', 'and', 'it')).toBe(of('a', 'dog', 'and', 'dog'))
  })

  it('adds nothing for an object that it was not fitted with', () => {
    const of = (token: string) => confidenceOf(TRUE, { tokens: [token], wordLogProbs: [-1], logProb: -2 })
    expect(of('giraffe')).toBe(of('dog'))
  })

  it('is that of one object where none is known, and 0 for a caption without words', () => {
    const vague = { tokens: ['something', 'red'], wordLogProbs: [-1, -1], logProb: -3 }
    expect(confidenceOf(TRUE, vague)).toBeCloseTo(sigmoid(1 + 2 * Math.exp(-1) - 0.5), 12)
    for (const logProb of [0, -1, Number.NEGATIVE_INFINITY])
      expect(confidenceOf(TRUE, { tokens: [], wordLogProbs: [], logProb })).toBe(0)
  })

  it('is a half without calibration', () => {
    expect(confidenceOf(undefined, said)).toBe(0.5)
  })
})
