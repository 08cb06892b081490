import fc from 'fast-check'
import { expect, test } from 'vitest'
import { histogram, repeatedWords, scoreDiversity } from './diversity.js'

const words = (caption: string): string[] => (caption === '' ? [] : caption.split(' '))

test('a small set', () => {
  const captions = ['a dog runs', 'a dog runs', 'a table on a table', 'a man standing in a', ''].map(words)
  expect(scoreDiversity(captions, ['a dog runs', ''].map(words))).toEqual({
    distinct: 4 / 5,
    vocabulary: 8,
    meanLength: 16 / 5,
    repeating: 1 / 5,
    dangling: 1 / 5,
    empty: 1 / 5,
    copied: 2 / 5,
    lengths: [1, 0, 0, 2, 0, 2],
  })
})

test('a content word twice, a function word as often as one likes', () => {
  expect(repeatedWords(words('the dog and the dog and the other dog by the tree'))).toEqual(['dog'])
})

test('a caption breaks off by its last word', () => {
  const dangling = (caption: string): number => scoreDiversity([words(caption)]).dangling
  expect(dangling('a man standing on a')).toBe(1)
  expect(dangling('a man standing on a hill')).toBe(0)
  expect(dangling('a couch to sit on')).toBe(0)
  expect(dangling('')).toBe(0)
})

test('the bins of a histogram hold every value', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true })), fc.integer({ min: 1, max: 30 }), (values, bins) => {
      expect(histogram(values, bins, 0, 1).reduce((a, b) => a + b, 0)).toBe(values.length)
    }),
  )
  expect(histogram([0, 0.1, 0.5, 1, 7], 2, 0, 1)).toEqual([2, 3])
  expect(() => histogram([], 0, 0, 1)).toThrow('Expected a positive integer for bins but received 0')
})

test('an empty set', () => {
  expect(scoreDiversity([])).toMatchObject({ distinct: 0, vocabulary: 0, meanLength: 0, lengths: [] })
})
