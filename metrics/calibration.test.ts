import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import { scoreConfidence } from './calibration.js'

/** Captions that are right as often as `truth` says of what is said of them. */
function drawn(captions: number, truth: (said: number) => number) {
  const random = new Random('confidences', captions)
  const confidences = Array.from({ length: captions }, () => random.uniform())
  return scoreConfidence(
    confidences,
    confidences.map((said) => random.uniform() < truth(said)),
  )
}

describe('scoreConfidence', () => {
  it('finds no more error in the truth than chance has, and some order', () => {
    const { error, chance, auroc } = drawn(4000, (said) => said)
    expect(error).toBeLessThan(2 * chance)
    expect(chance).toBeLessThan(0.03)
    // Of two uniform draws: the integral of its ROC curve is 5/6.
    expect(auroc).toBeCloseTo(5 / 6, 1)
  })

  it('knows what chance does: the mean error of many draws of the truth', () => {
    const draws = Array.from({ length: 200 }, (_, i) => drawn(300 + i, (said) => said))
    const mean = (of: (one: (typeof draws)[0]) => number) =>
      draws.reduce((sum, one) => sum + of(one), 0) / draws.length
    expect(mean(({ error }) => error) / mean(({ chance }) => chance)).toBeCloseTo(1, 1)
  })

  it('finds the error of one who boasts, bin by bin', () => {
    const { error, right, bins } = drawn(20_000, (said) => said / 2)
    expect(error).toBeCloseTo(1 / 4, 1)
    expect(right).toBeCloseTo(1 / 4, 1)
    for (const [i, bin] of bins.entries()) {
      expect(bin.confidence).toBeCloseTo(0.05 + i / 10, 2)
      expect(bin.right / bin.confidence).toBeLessThan(0.7)
    }
  })

  it('has the AUROC that counting all pairs has, ties as halves', () => {
    const captions = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.boolean()), { maxLength: 30 })
    fc.assert(
      fc.property(captions, (all) => {
        const good = all.filter(([, right]) => right)
        const wrong = all.filter(([, right]) => !right)
        const wins = good.flatMap(([p]) => wrong.map(([q]) => (p > q ? 1 : p === q ? 0.5 : 0) as number))
        const expected = wins.length === 0 ? 0.5 : wins.reduce((sum, win) => sum + win, 0) / wins.length
        const { auroc } = scoreConfidence(
          all.map(([p]) => p / 5),
          all.map(([, right]) => right),
        )
        expect(auroc).toBeCloseTo(expected, 12)
      }),
    )
  })

  it('says nothing of no captions, and refuses what is no probability', () => {
    expect(scoreConfidence([], [])).toMatchObject({ captions: 0, right: 0, error: 0, auroc: 0.5 })
    expect(() => scoreConfidence([1.2], [true])).toThrow('Expected numbers from 0 to 1 for confidences')
    expect(() => scoreConfidence([Number.NaN], [true])).toThrow('confidences')
    expect(() => scoreConfidence([1], [])).toThrow('Expected 1 values, one a caption, for right')
  })
})
