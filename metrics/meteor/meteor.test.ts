import fc from 'fast-check'
import { expect, test } from 'vitest'
import observed from './fixtures/observed.json' with { type: 'json' }
import { createMeteor } from './meteor.js'
import { readParaphrases } from './paraphrases.js'
import { loadMeteorResources } from './resources.js'

const words = (text: string): string[] => (text === '' ? [] : text.split(' '))
const candidates = observed.candidates.map(words)
const references = observed.references.map((texts) => texts.map(words))
const resources = await loadMeteorResources()
const meteor = createMeteor(resources)

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text)
}

test.each(observed.candidates.map((candidate, index) => [candidate, index] as const))(
  '"%s" scores as METEOR 1.5 does with exact, stem and synonym',
  (_, index) => {
    const { perImage } = meteor.score([candidates[index]!], [references[index]!])
    expect(perImage[0]).toBeCloseTo(observed.exactStemSynonym.perImage[index]!, 12)
  },
)

test('the corpus score comes from summed statistics', () => {
  const { corpus, perImage } = meteor.score(candidates, references)
  expect(corpus).toBeCloseTo(observed.exactStemSynonym.corpus, 12)
  expect(perImage).toHaveLength(candidates.length)
})

test('a drawn set scores as METEOR of its own would, which is not the mean of its images', () => {
  const { corpus, perImage, resample } = meteor.score(candidates, references)
  const drawing = fc.array(fc.nat(candidates.length - 1), { minLength: 1, maxLength: 2 * candidates.length })
  fc.assert(
    fc.property(drawing, (drawn) => {
      const alone = meteor.score(
        drawn.map((image) => candidates[image]!),
        drawn.map((image) => references[image]!),
      )
      expect(resample(drawn)).toBe(alone.corpus)
    }),
  )
  const mean = perImage.reduce((sum, score) => sum + score, 0) / perImage.length
  expect(Math.abs(corpus - mean)).toBeGreaterThan(0.001)
})

test('with paraphrases the scores are METEOR 1.5 with all four modules', async () => {
  const paraphrases = await readParaphrases(bytes(observed.paraphrases), 'fixture')
  const { corpus, perImage } = createMeteor({ ...resources, paraphrases }).score(candidates, references)
  perImage.forEach((score, index) => {
    expect(score, observed.candidates[index]).toBeCloseTo(observed.withParaphrases.perImage[index]!, 12)
  })
  expect(corpus).toBeCloseTo(observed.withParaphrases.corpus, 12)
})

test('every score is a number from 0 to 1, and a sentence scores 1 against itself', () => {
  const sentence = fc.array(
    fc.oneof(fc.constantFrom('a', 'dog', 'dogs', 'hound', '.'), fc.string({ unit: 'binary' })),
  )
  fc.assert(
    fc.property(sentence, sentence, (candidate, reference) => {
      const { corpus, perImage } = meteor.score([candidate, reference], [[reference], [reference, candidate]])
      for (const score of [corpus, ...perImage]) {
        expect(score).toBeGreaterThanOrEqual(0)
        expect(score).toBeLessThanOrEqual(1)
      }
    }),
  )
  expect(meteor.score([['a', 'dog']], [[['x'], ['a', 'dog']]])).toMatchObject({ corpus: 1, perImage: [1] })
})

test('one more reference never lowers the score of an image', () => {
  const sentence = fc.array(fc.constantFrom('a', 'the', 'man', 'men', 'dog', 'hound', 'runs', 'running'))
  fc.assert(
    fc.property(sentence, sentence, sentence, (candidate, one, other) => {
      const score = (of: string[][]) => meteor.score([candidate], [of]).perImage[0]!
      expect(score([one, other])).toBeGreaterThanOrEqual(score([one]))
    }),
  )
})

test('no images score 0, and references that do not belong are refused', () => {
  expect(meteor.score([], [])).toMatchObject({ corpus: 0, perImage: [] })
  expect(() => meteor.score([['a']], [])).toThrow(
    'Expected references of 1 images for references but received 0',
  )
  expect(() => meteor.score([['a']], [[]])).toThrow(
    'Expected at least one reference for references[0] but received 0',
  )
})
