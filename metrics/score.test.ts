import { expect, test } from 'vitest'
import {
  bootstrapIntervals,
  CiderScorer,
  DocumentFrequencies,
  type Meteor,
  parseGroups,
  scoreBleu,
  scoreCaptions,
  scoreCider,
  scoreGender,
  scoreHumans,
  scoreObjects,
  scoreRouge,
  scoreSubjects,
  scoreTokens,
  tokenize,
} from './index.js'
import { METRICS } from './score.js'

test('captions are tokenized and scored under the names of the COCO evaluation', () => {
  const scores = scoreCaptions(
    ['A man rides a horse.', 'Two dogs.'],
    [
      ['a man riding a horse', 'A man rides a brown horse!'],
      ['Two dogs play.', 'two dogs'],
    ],
  )
  expect(Object.keys(scores)).toEqual(['Bleu_1', 'Bleu_2', 'Bleu_3', 'Bleu_4', 'ROUGE_L', 'CIDEr'])
  expect(scores.ROUGE_L?.perImage[1]).toBe(1)
  expect(Object.isFrozen(METRICS)).toBe(true)
})

test('METEOR is scored when it is given: of the tokens, and what it says is not touched', () => {
  const seen: unknown[] = []
  const scores = { corpus: 0.3, perImage: [0.1, 0.8], resample: () => 0.6 }
  const score: Meteor['score'] = (...received) => {
    seen.push(received)
    return scores
  }
  const found = scoreCaptions(['A dog.', 'Two!'], [['The dog'], ['a', 'b']], { meteor: { score } })
  expect(found.METEOR).toBe(scores)
  expect(seen).toEqual([
    [
      [['a', 'dog'], ['two']],
      [[['the', 'dog']], [['a'], ['b']]],
    ],
  ])
  expect(bootstrapIntervals(found, { samples: 40 }).METEOR).toEqual({ low: 0.6, high: 0.6 })
})

test('of tokens with white space inside, BLEU and CIDEr count the words, whoever asks', () => {
  const candidates = ['a 1 1/2 inch nail on a table', 'call (555) 123-4567'].map(tokenize)
  const references = [
    ['a nail of 1 1/2 inch on the table', 'a 1 1/2 nail'],
    ['a sign to call (555) 123-4567', 'a phone'],
  ].map((captions) => captions.map(tokenize))
  const apart = (tokens: readonly string[]): string[] => tokens.flatMap((token) => token.split('\u00a0'))
  expect(candidates.map(apart)).not.toEqual(candidates)
  const { Bleu_1, Bleu_2, Bleu_3, Bleu_4, CIDEr } = scoreTokens(
    candidates.map(apart),
    references.map((captions) => captions.map(apart)),
  )
  const told = (scores: unknown): unknown => JSON.parse(JSON.stringify(scores))
  expect(told(scoreBleu(candidates, references))).toEqual(told([Bleu_1, Bleu_2, Bleu_3, Bleu_4]))
  expect(told(scoreCider(candidates, references))).toEqual(told(CIDEr))
  const tokens = scoreTokens(candidates, references)
  expect(told([tokens.Bleu_4, tokens.CIDEr])).toEqual(told([Bleu_4, CIDEr]))
  const frequencies = DocumentFrequencies.of(references)
  expect(candidates.map((caption, i) => new CiderScorer(references[i]!, frequencies).score(caption))).toEqual(
    CIDEr?.perImage,
  )
})

const SCORES: Record<string, (candidates: string[][], references: string[][][]) => unknown> = {
  scoreTokens,
  scoreBleu,
  scoreRouge,
  scoreCider,
  scoreGender,
  scoreObjects,
  scoreHumans,
  scoreSubjects: (candidates, references) =>
    scoreSubjects(
      ['1', '2'].slice(0, candidates.length),
      candidates,
      references,
      parseGroups('dog', 'subjects'),
    ),
}

test.each(Object.entries(SCORES))('%s names references that are missing', (_, score) => {
  const two = [['a', 'dog'], ['a']]
  expect(() => score([['a'], ['b']], [two])).toThrow(
    'Expected references of 2 images for references but received 1',
  )
  expect(() => score([['a'], ['b']], [two, []])).toThrow(/references?\b.* for references\[1\] but received 0/)
  expect(() => score([['a'], []], [two, two])).not.toThrow()
})

test('captions without references are named', () => {
  expect(() => scoreCaptions(['a'], [[]])).toThrow('Expected at least one reference for references[0]')
})
