import fc from 'fast-check'
import { expect, test } from 'vitest'
import { candidates, references, stated } from './fixtures/nlg-eval.js'
import { scoreRouge } from './rouge.js'

test("nlg-eval's example", () => {
  expect(scoreRouge(candidates, references).corpus).toBeCloseTo(stated.ROUGE_L, 9)
})

test('equals the definition with every common subsequence tried', () => {
  const caption = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(caption, fc.array(caption, { minLength: 1, maxLength: 3 }), (candidate, captions) => {
      const common = captions.map((reference) => longest(candidate, reference))
      const precision = Math.max(...common) / candidate.length
      const recall = Math.max(...captions.map(({ length }, index) => (common[index] ?? 0) / length))
      const f = precision * recall === 0 ? 0 : (2.44 * precision * recall) / (recall + 1.44 * precision)
      expect(scoreRouge([candidate], [captions]).corpus).toBeCloseTo(f, 12)
    }),
  )
})

test('long captions equal the textbook table, which compares word by word', () => {
  const caption = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 150 })
  fc.assert(
    fc.property(caption, caption, (candidate, reference) => {
      const common = tabled(candidate, reference)
      const f = (2.44 * common) / (candidate.length + 1.44 * reference.length)
      expect(scoreRouge([candidate], [[reference]]).corpus).toBeCloseTo(f, 12)
    }),
  )
})

test('an empty caption scores 0 unless a reference is empty too, as in the COCO evaluation', () => {
  expect(scoreRouge([[]], [[['a', 'dog']]]).corpus).toBe(0)
  expect(scoreRouge([[]], [[[]]]).corpus).toBe(1)
  expect(scoreRouge([], []).corpus).toBe(0)
})

/** The most words of `a`, over all its subsequences, that stand in `b` in that order. */
function longest(a: readonly string[], b: readonly string[]): number {
  let best = 0
  for (let chosen = 0; chosen < 1 << a.length; chosen++) {
    const words = a.filter((_, index) => (chosen >> index) & 1)
    let found = 0
    for (const word of b) if (word === words[found]) found++
    if (found === words.length) best = Math.max(best, found)
  }
  return best
}

/** Longest common subsequence by the table of Wagner and Fischer. */
function tabled(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0)
  for (const word of a) {
    const next = [0]
    b.forEach((other, j) => {
      next.push(word === other ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!))
    })
    row = next
  }
  return row[b.length]!
}
