import { expect, test } from 'vitest'
import { bootstrapIntervals, type Meteor, scoreCaptions } from './index.js'
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
  expect(bootstrapIntervals(found, { samples: 5 }).METEOR).toEqual({ low: 0.6, high: 0.6 })
})

test('no references or too few are named', () => {
  expect(() => scoreCaptions(['a'], [[]])).toThrow('Expected at least one reference for references[0]')
  expect(() => scoreCaptions(['a', 'b'], [['a']])).toThrow(
    'Expected 2 entries, one a candidate, for references',
  )
})
