import { describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import {
  type Confidence,
  type ConfidenceExample,
  confidenceOf,
  fitConfidence,
  isRight,
} from './confidence.js'

const TRUE: Confidence = { weights: [2, 1.5, 0.8, 1, -0.5], calibration: 'drawn' }
const THINGS = ['man', 'dog', 'frisbee', 'bench']

/** Captions whose objects stand in the reference as often as the model of `TRUE` says. */
function simulated(count: number, seed: string): ConfidenceExample[] {
  const random = new Random(seed)
  return Array.from({ length: count }, () => {
    const named = THINGS.filter(() => random.uniform() < 0.5)
    const tokens = [...named, ...Array.from({ length: 1 + random.below(9) }, () => 'with')]
    const wordLogProbs = tokens.map(() => -3 * random.uniform())
    const logProb = wordLogProbs.reduce((sum, value) => sum + value, -random.uniform())
    // Written out once more: intercept, person, word, mean, tens of words.
    const reference = named.filter((thing, at) => {
      const mean = logProb / (tokens.length + 1)
      const odds =
        2 + (thing === 'man' ? 1.5 : 0) + 0.8 * wordLogProbs[at]! + mean - 0.5 * (tokens.length / 10)
      return random.uniform() < 1 / (1 + Math.exp(-odds))
    })
    return { tokens, wordLogProbs, logProb, references: [reference] }
  })
}

describe('fitConfidence', () => {
  it('finds the weights that examples were drawn with', () => {
    const weights = fitConfidence(simulated(20_000, 'many'))
    for (const [i, weight] of weights.entries()) expect(Math.abs(weight - TRUE.weights[i]!)).toBeLessThan(0.3)
  })

  it('gives confidences as high as captions are right', () => {
    const fitted = { weights: fitConfidence(simulated(4000, 'one half')), calibration: '' }
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
    const fitted = { weights: fitConfidence(examples), calibration: '' }
    expect(fitted.weights.every(Number.isFinite)).toBe(true)
    for (const example of examples.filter(({ tokens }) => THINGS.includes(tokens[0]!))) {
      const p = confidenceOf(fitted, example)
      expect(right ? p : 1 - p).toBeGreaterThan(0.8)
    }
  })

  it('knows nothing without examples', () => {
    expect(fitConfidence([])).toEqual([0, 0, 0, 0, 0])
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
    const shared = 2 - 3 - 0.5 * 0.5
    expect(confidenceOf(TRUE, said)).toBeCloseTo(
      sigmoid(shared + 1.5 + 0.8 * -2) * sigmoid(shared + 0.8 * -5),
      12,
    )
  })

  it('falls with every object more, and one that is named twice counts once', () => {
    const of = (...tokens: string[]) =>
      confidenceOf(TRUE, { tokens, wordLogProbs: tokens.map(() => -1), logProb: -4 })
    expect(of('a', 'dog', 'and', 'it')).toBeGreaterThan(of('a', 'dog', 'and', 'bench'))
    expect(of('a', 'dog', 'and', 'it')).toBe(of('a', 'dog', 'and', 'dog'))
  })

  it('is that of one object where none is known, and a number for a caption without words', () => {
    const vague = { tokens: ['something', 'red'], wordLogProbs: [-1, -1], logProb: -3 }
    expect(confidenceOf(TRUE, vague)).toBeCloseTo(sigmoid(2 - 0.8 - 1 - 0.1), 12)
    expect(confidenceOf(TRUE, { tokens: [], wordLogProbs: [], logProb: -1 })).toBeCloseTo(
      sigmoid(2 - 1.8),
      12,
    )
    expect(confidenceOf(TRUE, { tokens: [], wordLogProbs: [], logProb: Number.NEGATIVE_INFINITY })).toBe(0)
  })

  it('is a half without calibration', () => {
    expect(confidenceOf(undefined, said)).toBe(0.5)
  })
})
