import { expect, it } from 'vitest'
import { captionLine, commaSeparated, jsonLines } from './caption-lines.js'

const said = (text: string) => ({ text, confidence: 0.123456, logProb: -9.87654 })
const lines = [
  captionLine('photos/000000000139.jpg', [said('A "red" door, open.')], true),
  { file: 'photos/broken.jpg', error: 'decoding failed' },
  captionLine('photos/cat.jpg', [said('A cat.'), said('A dog.')], true),
]

it('writes a JSON object a photo, the other captions behind the best', () => {
  expect(jsonLines(lines)).toBe(
    '{"file":"photos/000000000139.jpg","caption":"A \\"red\\" door, open.","confidence":0.1235,"logProb":-9.8765}\n' +
      '{"file":"photos/broken.jpg","error":"decoding failed"}\n' +
      '{"file":"photos/cat.jpg","caption":"A cat.","confidence":0.1235,"logProb":-9.8765,"others":["A dog."]}\n',
  )
})

it('writes comma-separated values with every photo, quotes doubled', () => {
  expect(commaSeparated(lines).split('\r\n')).toEqual([
    'file,caption,confidence,error',
    '"photos/000000000139.jpg","A ""red"" door, open.","0.1235",""',
    '"photos/broken.jpg","","","decoding failed"',
    '"photos/cat.jpg","A cat.","0.1235",""',
    '',
  ])
})
