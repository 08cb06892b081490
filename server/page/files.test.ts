import { describe, expect, it } from 'vitest'
import { commaSeparated, type Entry, jsonLines } from './files.js'

const caption = (text: string, confidence: number) => ({
  text,
  tokens: [],
  logProb: -2,
  score: -1,
  confidence,
})
const entries: Entry[] = [
  {
    file: 'a, "b".jpg',
    result: { captions: [caption('A cat.', 0.8), caption('A dog.', 0.25)], grid: [7, 7] },
    chosen: 1,
  },
  {
    file: 'c.jpg',
    result: { error: { code: 'INVALID_IMAGE', message: 'Expected a whole image' } },
    chosen: 0,
  },
]

describe('files to download', () => {
  it('quotes what CSV must quote, and takes the chosen caption', () => {
    expect(commaSeparated(entries)).toBe(
      'file,caption,confidence,error\r\n"a, ""b"".jpg",A dog.,0.250,\r\nc.jpg,,,Expected a whole image\r\n',
    )
  })

  it('writes a JSON object a photo', () => {
    const lines = jsonLines(entries).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { file: 'a, "b".jpg', caption: 'A dog.', confidence: 0.25, logProb: -2, others: ['A cat.'] },
      { file: 'c.jpg', error: 'Expected a whole image' },
    ])
  })
})
