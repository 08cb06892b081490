import fc from 'fast-check'
import { expect, it } from 'vitest'
import { lightOf } from './light.js'

it('is 1 where the model looked most, 0 where least, and in the order of the alignments', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 49 }),
      (row) => {
        const light = lightOf(row)
        expect(light).toHaveLength(row.length)
        expect(light[row.indexOf(Math.max(...row))]).toBe(1)
        if (new Set(row).size > 1) expect(light[row.indexOf(Math.min(...row))]).toBe(0)
        for (const [i, a] of row.entries())
          for (const [j, b] of row.entries()) if (a <= b) expect(light[i]).toBeLessThanOrEqual(light[j]!)
      },
    ),
    { numRuns: 50 },
  )
})
