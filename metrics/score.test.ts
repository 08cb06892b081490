import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  bootstrapIntervals,
  METRICS,
  type Meteor,
  scoreCaptions,
  scoreDiversity,
  scoreGender,
  scoreObjects,
  tokenize,
} from './index.js'

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
  expect(bootstrapIntervals(found, { samples: 5 }).METEOR).toEqual({ low: 0.6, high: 0.6 })
})

test('no references or too few are named', () => {
  expect(() => scoreCaptions(['a'], [[]])).toThrow('Expected at least one reference for references[0]')
  expect(() => scoreCaptions(['a', 'b'], [['a']])).toThrow(
    'Expected 2 entries, one a candidate, for references',
  )
})

test('nothing but finite numbers for 10,000 random and hostile captions', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom('a', ' ', '\ud800', '😀', 'ש', 'ل', '.', '\u0000', '7', '\u00a0', "'"),
      maxLength: 30,
    }),
    fc.constantFrom(
      '',
      ' ',
      '12',
      'NaN',
      '__proto__',
      'constructor toString',
      '\n\n',
      'א ב ג',
      `${'dog '.repeat(500)}`,
    ),
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(hostile, fc.array(hostile, { minLength: 1, maxLength: 3 })), {
        minLength: 5,
        maxLength: 15,
      }),
      (images) => {
        const candidates = images.map(([candidate]) => candidate)
        const references = images.map(([, captions]) => captions)
        for (const { corpus, perImage } of Object.values(scoreCaptions(candidates, references)))
          for (const value of [corpus, ...perImage]) expect(Number.isFinite(value)).toBe(true)
        const tokens = candidates.map(tokenize)
        const told = references.map((captions) => captions.map(tokenize))
        for (const { perImage: _, ...scores } of [scoreObjects(tokens, told)])
          for (const value of Object.values(scores)) expect(Number.isFinite(value)).toBe(true)
        expect(scoreGender(tokens, told).gendered).toBeLessThanOrEqual(1)
        expect(scoreDiversity(tokens, told.flat()).copied).toBeLessThanOrEqual(1)
      },
    ),
    { numRuns: 330 },
  )
}, 60_000)
