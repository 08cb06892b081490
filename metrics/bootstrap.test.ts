import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../random.js'
import { scoreBleu } from './bleu.js'
import { bootstrapIntervals, compareScores } from './bootstrap.js'
import { meanScores } from './scores.js'

const normals = (random: Random, count: number, shift = 0): number[] =>
  Array.from({ length: count }, () => random.normal() + shift)

test('the interval of a mean is as wide as theory says', () => {
  const values = normals(new Random('interval'), 400)
  const { x } = bootstrapIntervals({ x: meanScores(values) }, { samples: 4000 })
  const mean = values.reduce((sum, value) => sum + value, 0) / 400
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 400)
  // At 90 % it is narrower by a sixth.
  expect((x!.high - x!.low) / ((2 * 1.96 * deviation) / Math.sqrt(400))).toBeCloseTo(1, 1)
})

test('of 1,000 sets the interval ends at the 25th from either side', () => {
  const random = new Random('bootstrap', 7)
  const values = normals(new Random('ends'), 30)
  const { corpus, resample } = meanScores(values)
  const drawn = Array.from({ length: 1000 }, () => resample(values.map(() => random.below(30))))
  const rising = drawn.sort((a, b) => a - b)
  const { x } = bootstrapIntervals({ x: meanScores(values) }, { seed: 7 })
  expect(x).toEqual({ low: rising.at(24), high: rising.at(-25) })
  expect(x!.low).toBeLessThan(corpus)
})

test('intervals hold the truth about 95 times of 100', () => {
  const random = new Random('coverage')
  const trials = 1000
  let held = 0
  for (let trial = 0; trial < trials; trial++) {
    const { x } = bootstrapIntervals({ x: meanScores(normals(random, 60)) }, { samples: 300, seed: trial })
    if (x !== undefined && x.low <= 0 && x.high >= 0) held++
  }
  expect(held / trials).toBeGreaterThan(0.92)
  expect(held / trials).toBeLessThan(0.97)
})

test('a comparison finds a difference that is there and seldom one that is not', () => {
  const random = new Random('comparison')
  const base = normals(random, 300)
  const better = meanScores(base.map((value) => value + 0.2 + 0.5 * random.normal()))
  const { x } = compareScores({ x: meanScores(base) }, { x: better })
  expect(x).toMatchObject({ real: true })
  expect(x?.p).toBeLessThan(0.01)
  let found = 0
  const trials = 2000
  for (let trial = 0; trial < trials; trial++) {
    const same = base.map((value) => value + 0.5 * random.normal())
    const result = compareScores(
      { x: meanScores(base) },
      { x: meanScores(same) },
      { samples: 300, seed: trial },
    )
    if (result.x?.real) found++
  }
  expect(found / trials).toBeLessThan(0.07)
})

test('p is twice the share of sets on the rarer side of 0, but for few images, and the same the other way round', () => {
  const score = fc.integer({ min: -3, max: 4 })
  const pairs = fc.array(fc.tuple(score, score), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(pairs, fc.integer({ min: 40, max: 200 }), fc.nat(), (values, samples, seed) => {
      const differences = values.map(([before, after]) => after - before)
      const random = new Random('bootstrap', seed)
      const drawn = Array.from({ length: samples }, () =>
        differences.reduce((sum) => sum + differences[random.below(differences.length)]!, 0),
      )
      const [below, above] = [drawn.filter((sum) => sum <= 0), drawn.filter((sum) => sum >= 0)]
      const rarer = Math.min(below.length, above.length) + 1
      const [before, after] = [0, 1].map((of) => ({ x: meanScores(values.map((pair) => pair[of]!)) }))
      const { p } = compareScores(before!, after!, { samples, seed }).x!
      expect(p).toBe(Math.min(1, Math.max((2 * rarer) / (samples + 1), 2 ** (1 - values.length))))
      expect(compareScores(after!, before!, { samples, seed }).x!.p).toBe(p)
    }),
  )
})

test('a difference is real exactly where its p is below .05, and its interval without 0, of six images or more', () => {
  const score = fc.integer({ min: -3, max: 4 })
  const pairs = fc.array(fc.tuple(score, score), { minLength: 6, maxLength: 20 })
  // Of 39, 79, … sets p may be .05 itself.
  const samples = fc.oneof(fc.integer({ min: 40, max: 200 }), fc.constantFrom(79, 119, 159, 199))
  const seen = { yes: 0, no: 0 }
  fc.assert(
    fc.property(pairs, samples, (values, samples) => {
      const [before, after] = [0, 1].map((of) => ({ x: meanScores(values.map((pair) => pair[of]!)) }))
      const { p, real, interval } = compareScores(before!, after!, { samples }).x!
      expect(real).toBe(p < 0.05)
      expect(interval.low > 0 || interval.high < 0).toBe(real)
      seen[real ? 'yes' : 'no']++
    }),
    { numRuns: 1000, seed: 1 },
  )
  expect(Math.min(seen.yes, seen.no)).toBeGreaterThan(50)
})

test('of so few images that a sign test could not tell, no difference is real', () => {
  const compared = (images: number) => {
    const [before, after] = [0, 1].map((shift) => ({ x: meanScores(Array(images).fill(shift)) }))
    return compareScores(before!, after!).x!
  }
  expect([1, 2, 3, 4, 5].map((images) => compared(images))).toMatchObject(
    [1, 0.5, 0.25, 0.125, 0.0625].map((p) => ({ p, real: false })),
  )
  expect(compared(6)).toMatchObject({ p: 0.03125, real: true })
  expect(compared(20)).toMatchObject({ p: 2 / 1001, real: true })
})

test('so few sets that none is outside of the interval are refused', () => {
  const scores = { x: meanScores([1, 2, 3, 4, 5, 6]) }
  const better = { x: meanScores([4, 6, 5, 7, 8, 9]) }
  const message = 'Expected at least 40 for samples but received 39'
  expect(() => compareScores(scores, better, { samples: 39 })).toThrow(message)
  expect(() => bootstrapIntervals(scores, { samples: 39 })).toThrow(message)
  expect(compareScores(scores, better, { samples: 40 }).x).toMatchObject({ real: true })
})

test('a result file against itself', () => {
  const scores = { x: meanScores([0.1, 0.7, 0.3]) }
  expect(compareScores(scores, scores).x).toEqual({
    difference: 0,
    interval: { low: 0, high: 0 },
    p: 1,
    real: false,
  })
})

test('BLEU is drawn from its counts, not from the BLEU of single captions', () => {
  const random = new Random('bleu')
  const caption = (): string[] => Array.from({ length: 8 }, () => 'abcd'[random.below(4)] ?? '')
  const candidates = Array.from({ length: 50 }, caption)
  const references = candidates.map(() => [caption(), caption()])
  const [, , , four] = scoreBleu(candidates, references)
  if (four === undefined) throw new Error('no BLEU-4')
  const chosen = [3, 3, 17, 40]
  const alone = scoreBleu(
    chosen.map((image) => candidates[image] ?? []),
    chosen.map((image) => references[image] ?? []),
  )
  expect(four.resample(chosen)).toBe(alone[3]?.corpus)
  const { x } = bootstrapIntervals({ x: four })
  expect(x?.low).toBeLessThan(four.corpus)
  expect(x?.high).toBeGreaterThan(four.corpus)
})

test('wrong options are named; no image, no range', () => {
  const scores = { x: meanScores([1, 2]) }
  expect(() => bootstrapIntervals(scores, { samples: 0 })).toThrow('samples')
  expect(() => compareScores(scores, { x: meanScores([1]) })).toThrow('Expected 2 images')
  expect(bootstrapIntervals({ x: meanScores([]) }).x).toEqual({ low: 0, high: 0 })
})
