import { expect, it } from 'vitest'
import { checkNames, FORMATS, imageIdOf } from './caption-formats.js'

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
    { image_id: 'cat', caption: 'A cat.' },
  ])
})

it('names two photos that would have one id', () => {
  expect(() => checkNames(['a/cat.jpg', 'b/cat.png'], imageIdOf, '--format coco')).toThrow(
    'Expected photos with different names for --format coco but received ["a/cat.jpg", "b/cat.png"]',
  )
})
