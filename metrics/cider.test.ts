import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShowtellError } from '../errors.js'
import { CiderScorer, DocumentFrequencies, scoreCider } from './cider.js'
import { candidates, references, stated } from './fixtures/nlg-eval.js'

const caption = fc.array(fc.constantFrom(...'abcdefg'), { maxLength: 12 })
const captions = fc.array(caption, { minLength: 1, maxLength: 4 })

test("nlg-eval's example", () => {
  expect(scoreCider(candidates, references).corpus).toBeCloseTo(stated.CIDEr, 9)
})

test('captions score alike, prepared once or not, and never beyond 0 to 10', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(caption, captions), { minLength: 1, maxLength: 6 }), (images) => {
      const { perImage } = scoreCider(
        images.map(([c]) => c),
        images.map(([, r]) => r),
      )
      const frequencies = DocumentFrequencies.of(images.map(([, r]) => r))
      images.forEach(([candidate, own], index) => {
        const score = new CiderScorer(own, frequencies).score(candidate)
        expect(score).toBe(perImage[index])
        expect(score).toBeGreaterThanOrEqual(0)
        expect(score).toBeLessThanOrEqual(10 + 1e-9)
      })
    }),
  )
})

test('equals the formula of the paper written out', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(caption, captions), { minLength: 2, maxLength: 5 }), (images) => {
      const sets = images.map(([, r]) => r)
      const scores = scoreCider(
        images.map(([c]) => c),
        sets,
      )
      images.forEach(([candidate, own], index) => {
        expect(scores.perImage[index]).toBeCloseTo(direct(candidate, own, sets), 10)
      })
    }),
  )
})

test('frequencies survive a file, and a broken file is named', () => {
  const frequencies = DocumentFrequencies.of(references)
  const read = DocumentFrequencies.fromJSON(JSON.parse(JSON.stringify(frequencies)), 'df.json')
  expect(scoreCider(candidates, references, read).perImage).toEqual(
    scoreCider(candidates, references).perImage,
  )
  for (const broken of [
    null,
    7,
    {},
    { images: 0, counts: {} },
    { images: 2 },
    { images: 2, counts: { a: 3 } },
  ])
    expect(() => DocumentFrequencies.fromJSON(broken, 'df.json')).toThrow(ShowtellError)
  expect(() => DocumentFrequencies.fromJSON({ images: 2, counts: { 'a dog': 'x' } }, 'df.json')).toThrow(
    'Expected an integer from 1 to 2 for "a dog" of df.json but received "x"',
  )
})

function direct(candidate: string[], own: string[][], sets: string[][][]): number {
  const grams = (tokens: string[], n: number): string[] =>
    tokens.slice(n - 1).map((_, start) => tokens.slice(start, start + n).join())
  const weight = (tokens: string[], n: number, gram: string): number => {
    const documents = sets.filter((set) => set.some((reference) => grams(reference, n).includes(gram))).length
    return (
      grams(tokens, n).filter((other) => other === gram).length *
      Math.log(sets.length / Math.max(1, documents))
    )
  }
  let sum = 0
  for (const reference of own)
    for (let n = 1; n <= 4; n++) {
      const norm = (tokens: string[]): number =>
        Math.hypot(...[...new Set(grams(tokens, n))].map((gram) => weight(tokens, n, gram)))
      if (norm(candidate) === 0 || norm(reference) === 0) continue
      let product = 0
      for (const gram of new Set(grams(candidate, n))) {
        const other = weight(reference, n, gram)
        product += Math.min(weight(candidate, n, gram), other) * other
      }
      const gap = Math.max(0, candidate.length - 1) - Math.max(0, reference.length - 1)
      sum += (product / norm(candidate) / norm(reference)) * Math.exp((-gap * gap) / 72)
    }
  return (10 * sum) / 4 / own.length
}
