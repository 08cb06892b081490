import { expect, it } from 'vitest'
import { type Entry, linesOf } from './files.js'

const caption = (text: string, confidence: number) => ({
  text,
  tokens: [],
  wordLogProbs: [],
  logProb: -2,
  score: -1,
  confidence,
})
const entries: Entry[] = [
  {
    file: 'a.jpg',
    result: {
      captions: [caption('A cat.', 0.8), caption('A dog.', 0.25), caption('A cow.', 0.2)],
      model: undefined,
    },
    chosen: 1,
  },
  {
    file: 'c.jpg',
    result: { error: { code: 'INVALID_IMAGE', message: 'Expected a whole image' } },
    chosen: 0,
  },
]

it('tells of every photo, the chosen caption before the others', () => {
  expect(linesOf(entries)).toEqual([
    { file: 'a.jpg', caption: 'A dog.', confidence: 0.25, logProb: -2, others: ['A cat.', 'A cow.'] },
    { file: 'c.jpg', error: 'Expected a whole image' },
  ])
})
