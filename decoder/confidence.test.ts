import { describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import {
  type Confidence,
  type ConfidenceExample,
  calibrationOf,
  confidenceOf,
  fitConfidence,
} from './confidence.js'

const TRUE: Confidence = { weights: [3, 2, -1.5], calibration: 'drawn' }
const confidence = (weights: readonly [number, number, number]): Confidence => ({ weights, calibration: '' })

/** Captions that are right as often as the model of `TRUE` says. */
function simulated(count: number, seed: string): ConfidenceExample[] {
  const random = new Random(seed)
  return Array.from({ length: count }, () => {
    const words = 4 + random.below(17)
    const logProb = -(words + 1) * (0.2 + 1.6 * random.uniform())
    return { logProb, words, right: random.uniform() < confidenceOf(TRUE, logProb, words) }
  })
}

describe('fitConfidence', () => {
  it('finds the weights that examples were drawn with', () => {
    const weights = fitConfidence(simulated(20_000, 'many'))
    // Standard errors of the three are about 0.1, 0.05 and 0.05.
    for (const [i, weight] of weights.entries()) expect(Math.abs(weight - TRUE.weights[i]!)).toBeLessThan(0.3)
  })

  it('is at the top of the likelihood: its errors sum to nothing along every feature', () => {
    const examples = simulated(500, 'few')
    const fitted = confidence(fitConfidence(examples))
    const sums = [0, 0, 0]
    for (const { logProb, words, right } of examples) {
      const error = (right ? 1 : 0) - confidenceOf(fitted, logProb, words)
      for (const [i, x] of [1, logProb / (words + 1), words / 10].entries()) sums[i]! += error * x
    }
    // But for the pull towards zero, a thousandth of each weight.
    for (const [i, sum] of sums.entries()) expect(sum).toBeCloseTo(1e-3 * fitted.weights[i]!, 6)
  })

  it.each([true, false])('stays finite where every caption is %s', (right) => {
    const examples = simulated(100, 'one-sided').map((example) => ({ ...example, right }))
    const fitted = confidence(fitConfidence(examples))
    expect(fitted.weights.every(Number.isFinite)).toBe(true)
    for (const { logProb, words } of examples) {
      const p = confidenceOf(fitted, logProb, words)
      expect(right ? p : 1 - p).toBeGreaterThan(0.9)
    }
  })

  it('stays finite where the captions can be told apart without an error', () => {
    const examples = simulated(200, 'apart').map((example) => ({ ...example, right: example.words > 10 }))
    const fitted = confidence(fitConfidence(examples))
    expect(fitted.weights.every(Number.isFinite)).toBe(true)
    expect(calibrationOf(fitted, examples).auroc).toBeGreaterThan(0.999)
  })

  it('knows nothing without examples', () => {
    expect(fitConfidence([])).toEqual([0, 0, 0])
  })
})

describe('confidenceOf', () => {
  it('is the logistic of its features', () => {
    const sum = 0.5 + 2 * (-8 / 10) - 1 * 0.9
    expect(confidenceOf(confidence([0.5, 2, -1]), -8, 9)).toBeCloseTo(1 / (1 + Math.exp(-sum)), 12)
  })

  it('is a half without calibration, and a number for a caption without words', () => {
    expect(confidenceOf(undefined, -3, 5)).toBe(0.5)
    expect(confidenceOf(TRUE, -3, 0)).toBeCloseTo(1 / (1 + Math.exp(3)), 12)
    expect(confidenceOf(TRUE, Number.NEGATIVE_INFINITY, 0)).toBe(0)
  })
})

describe('calibrationOf', () => {
  it('finds no error in the truth and some order', () => {
    const { error, auroc } = calibrationOf(TRUE, simulated(4000, 'truth'))
    expect(error).toBeLessThan(0.02)
    expect(auroc).toBeGreaterThan(0.7)
  })

  it('finds the error of one who is always sure', () => {
    const examples = simulated(1000, 'sure')
    const wrong = examples.filter(({ right }) => !right).length / examples.length
    const { error, auroc } = calibrationOf(confidence([50, 0, 0]), examples)
    expect(error).toBeCloseTo(wrong, 9)
    // Ties count half: no order at all.
    expect(auroc).toBe(0.5)
  })

  it('finds neither error nor order in the share of right captions said of all', () => {
    const examples = simulated(1000, 'share')
    const share = examples.filter(({ right }) => right).length / examples.length
    const { error, auroc } = calibrationOf(confidence([Math.log(share / (1 - share)), 0, 0]), examples)
    expect(error).toBeCloseTo(0, 9)
    expect(auroc).toBe(0.5)
  })

  it('sees no order where all are right, or none is there', () => {
    const right = simulated(50, 'right').map((example) => ({ ...example, right: true }))
    expect(calibrationOf(TRUE, right).auroc).toBe(0.5)
    expect(calibrationOf(TRUE, [])).toEqual({ error: 0, auroc: 0.5 })
  })

  it('finds a perfect and a reversed order', () => {
    const examples = simulated(300, 'order').map((example) => ({ ...example, right: example.words > 10 }))
    expect(calibrationOf(confidence([-10, 0, 9.5]), examples).auroc).toBe(1)
    expect(calibrationOf(confidence([10, 0, -9.5]), examples).auroc).toBe(0)
  })
})
