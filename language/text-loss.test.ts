import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Rows } from './text-loss.js'

describe('Rows', () => {
  it('read on where they stood, round the text and over its end', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 8, max: 60 }),
        (rows, length, size) => {
          const text = Int32Array.from({ length: size }, (_, i) => i)
          const reader = new Rows(text, rows, length)
          for (let step = 0; step < 10; step++) {
            const [piece, next] = [reader.piece(step), reader.piece(step + 1)]
            for (let row = 0; row < rows; row++) {
              const [from, to] = [row * length, (row + 1) * length]
              expect(next.inputs[from]).toBe(piece.targets[to - 1])
              for (let i = from; i < to; i++) expect(piece.targets[i]).toBe((piece.inputs[i]! + 1) % size)
            }
          }
        },
      ),
    )
  })

  it('together read every character once in a pass', () => {
    const reader = new Rows(
      Int32Array.from({ length: 60 }, (_, i) => i),
      4,
      5,
    )
    const read = [0, 1, 2].flatMap((step) => [...reader.piece(step).inputs])
    expect(read.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i))
  })

  it('want a text of a piece at least', () => {
    expect(() => new Rows(new Int32Array(5), 2, 5)).toThrow('Expected at least 6 characters for the text')
  })
})
