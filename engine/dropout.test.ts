import { expect, it } from 'vitest'
import { dropoutMask } from './dropout.js'

it('drops the share asked for and scales the rest, so that the mean stays', () => {
  const mask = dropoutMask({ dropout: 0.3, seed: 1, step: 2 }, 'layer', [100, 50, 8])
  expect(mask.length).toBe(40_000)
  const dropped = mask.filter((value) => value === 0).length
  // Standard deviation √(40,000 · 0.3 · 0.7) = 92.
  expect(Math.abs(dropped - 12_000)).toBeLessThan(500)
  for (const value of mask) if (value !== 0) expect(value).toBeCloseTo(1 / 0.7, 6)
})

it('is a pure function of seed, step and layer', () => {
  const given = { dropout: 0.5, seed: 1, step: 2 }
  const mask = dropoutMask(given, 'layer', [64])
  expect(dropoutMask(given, 'layer', [64])).toEqual(mask)
  for (const other of [
    dropoutMask({ ...given, seed: 2 }, 'layer', [64]),
    dropoutMask({ ...given, step: 3 }, 'layer', [64]),
    dropoutMask(given, 'other', [64]),
  ])
    expect(other).not.toEqual(mask)
})
