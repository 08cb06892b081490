import { expect, it } from 'vitest'
import { joinReferences, parseCandidates } from '../metrics/candidates.js'
import { FORMATS, imageIdOf } from './caption-formats.js'

const lines = [
  { file: 'photos/000000000139.jpg', caption: 'A "red" door, open.', confidence: 0.5 },
  { file: 'photos/broken.jpg', error: 'decoding failed' },
  { file: 'photos/cat.jpg', caption: 'A cat.', confidence: 0.25 },
]

it('takes the image id of COCO from the file name, and other names without their ending', () => {
  expect(imageIdOf('a/000000000139.jpg')).toBe(139)
  expect(imageIdOf('COCO_val2014_000000391895.jpg')).toBe(391895)
  expect(imageIdOf('holiday/cat.final.JPG')).toBe('cat.final')
  expect(imageIdOf('123.jpg')).toBe('123')
})

it('writes COCO results of the photos that have captions', () => {
  expect(JSON.parse(FORMATS.coco(lines))).toEqual([
    { image_id: 139, caption: 'A "red" door, open.' },
    { image_id: 'cat', file: 'photos/cat.jpg', caption: 'A cat.' },
  ])
})

it.each(['coco', 'jsonl'] as const)(
  'is scored against the same photo as %s, whatever the ids are',
  (format) => {
    // As COCO files of one's own are often made: numbered in the order of their names as text, 10.jpg as 2.
    const files = Array.from({ length: 12 }, (_, i) => `${i + 1}.jpg`).sort()
    const references = files.map((file, i) => ({ id: String(i + 1), file, captions: [`of ${file}`] }))
    const captioned = files.map((file) => ({ file: `photos/${file}`, caption: `of ${file}` }))
    const ignore = (): void => {}
    const candidates = parseCandidates(FORMATS[format](captioned), 'captions', ignore)
    const pairs = joinReferences(candidates, references, 'captions', ignore)
    expect(pairs).toHaveLength(12)
    for (const { candidate, references } of pairs) expect([candidate]).toEqual(references)
  },
)
