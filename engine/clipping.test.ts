import fc from 'fast-check'
import { expect, it } from 'vitest'
import { clipping } from './clipping.js'

const values = fc
  .array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 20 })
  .map((numbers) => Float32Array.from(numbers))

it('scales the gradients of all weights together down to the limit, and smaller ones not at all', () => {
  fc.assert(
    fc.property(values, values, fc.double({ min: 0.01, max: 1e4, noNaN: true }), (a, b, limit) => {
      const { norm, scale } = clipping({ a, b }, limit)
      expect(norm).toBeCloseTo(Math.hypot(...a, ...b), 6)
      const after = Math.hypot(...[...a, ...b].map((value) => value * scale))
      if (norm <= limit) expect(scale).toBe(1)
      else expect(after / limit).toBeCloseTo(1, 9)
    }),
  )
})

it('says of a gradient that is not finite that it is not', () => {
  expect(clipping({ a: Float32Array.of(1, Number.POSITIVE_INFINITY) }, 2).norm).toBe(Number.POSITIVE_INFINITY)
  expect(clipping({ a: Float32Array.of(Number.NaN) }, 2).norm).toBeNaN()
})
