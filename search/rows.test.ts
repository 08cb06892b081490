import fc from 'fast-check'
import { expect, it } from 'vitest'
import { bestOfRows } from './rows.js'

/** Many are equal, as those of rare words and of banned ones are. */
const logProb = fc.oneof(
  fc.constantFrom(Number.NEGATIVE_INFINITY, -3, -2, 0),
  fc.float({ min: -40, max: 0, noNaN: true }),
)

it('finds the best of each row in the order of a plain sort, the first of equal ones first', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(logProb, { minLength: 12, maxLength: 12 }), { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 12 }),
      (rows, k) => {
        const order = rows.map((row) =>
          [...row.keys()].sort((a, b) => (row[a] === row[b] ? a - b : row[b]! - row[a]!)).slice(0, k),
        )
        expect(bestOfRows(Float32Array.from(rows.flat()), 12, k)).toEqual({
          tokens: Int32Array.from(order.flat()),
          logProbs: Float32Array.from(
            order.flatMap((tokens, row) => tokens.map((token) => rows[row]![token]!)),
          ),
        })
      },
    ),
  )
})

it('shows that a row is no numbers, and what the others are', () => {
  const rows = Float32Array.of(Number.NaN, Number.NaN, Number.NaN, -2, -1, Number.NEGATIVE_INFINITY)
  expect(bestOfRows(rows, 3, 2).logProbs).toEqual(Float32Array.of(Number.NaN, Number.NaN, -1, -2))
})
