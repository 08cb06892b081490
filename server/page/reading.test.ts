import { describe, expect, it } from 'vitest'
import { piecesOf, sureness, whereLooked } from './reading.js'

describe('piecesOf', () => {
  it('finds the words in the sentence, marks and spaces between them', () => {
    expect(piecesOf("A man's dog.", ['a', 'man', "'s", 'dog'])).toEqual([
      { text: 'A', token: 0 },
      { text: ' ' },
      { text: 'man', token: 1 },
      { text: "'s", token: 2 },
      { text: ' ' },
      { text: 'dog', token: 3 },
      { text: '.' },
    ])
  })

  it('loses no text where a word is not found', () => {
    const pieces = piecesOf('Two dogs run.', ['two', 'cats', 'run'])
    expect(pieces.map(({ text }) => text).join('')).toBe('Two dogs run.')
    expect(pieces.filter(({ token }) => token !== undefined).map(({ token }) => token)).toEqual([0, 2])
  })
})

describe('sureness', () => {
  it.each([
    [0.9, 'Very likely right'],
    [0.5, 'Likely right'],
    [0.3, 'May be right'],
    [0.1, 'May be wrong'],
  ])('of %d', (confidence, words) => {
    expect(sureness(confidence)).toBe(words)
  })
})

describe('whereLooked', () => {
  const at = (row: number, column: number): number[] =>
    Array.from({ length: 49 }, (_, i) => (i === row * 7 + column ? 0.9 : 0.1 / 48))

  it.each([
    [0, 0, 'top left'],
    [0, 3, 'top'],
    [3, 6, 'right'],
    [6, 6, 'bottom right'],
    [3, 3, 'the middle'],
  ])('row %d, column %d', (row, column, words) => {
    expect(whereLooked(at(row, column), [7, 7])).toBe(words)
  })

  it('knows a look at everything, and a single region', () => {
    expect(whereLooked(Array(49).fill(1 / 49), [7, 7])).toBe('all over')
    expect(whereLooked([1], [1, 1])).toBe('all over')
  })
})
