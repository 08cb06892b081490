import { expect, it } from 'vitest'
import type { ModelDescription } from '../../decoder/types.js'
import { csvOf, type Entry, linesOf } from './files.js'

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

it('leaves out the confidences of a model that nobody calibrated', () => {
  const [{ result, ...entry }] = entries as [Entry]
  const model = { calibrated: false } as ModelDescription
  const [line] = linesOf([{ ...entry, result: { ...result, model } as Entry['result'] }])
  expect(line).toEqual({ file: 'a.jpg', caption: 'A dog.', logProb: -2, others: ['A cat.', 'A cow.'] })
})

it.each(['=1+1.jpg', '+1.jpg', '-1.jpg', '@SUM(A1).jpg', '\t=1.jpg', '\r=1.jpg', "=cmd|' -c calc'!A0.jpg"])(
  'gives a spreadsheet no formula to work out: %j',
  (file) => {
    const named = entries.map((entry, i) => (i === 0 ? { ...entry, file } : entry))
    expect(csvOf(named)).toBe(
      `\uFEFFfile,caption,confidence,error\r\n"'${file}","A dog.","0.25",""\r\n"c.jpg","","","Expected a whole image"\r\n`,
    )
    expect(linesOf(named)[0]).toMatchObject({ file })
  },
)
