import { expect, it } from 'vitest'
import { natural, positive } from './schema-options.js'

it('reads a seed as the schemas do, and names the option that has none', () => {
  for (const value of [0, 1, 2 ** 40]) expect(natural('--seed')(String(value))).toBe(value)
  for (const text of ['abc', '1.5', '-1', '', ' ', 'Infinity', '1e300'])
    expect(() => natural('--seed')(text)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: `Expected an integer of 0 or more for --seed but received ${JSON.stringify(text)}`,
      }),
    )
})

it('reads a number of things, of which there is one at least', () => {
  expect(positive('--limit')('3')).toBe(3)
  for (const text of ['0', '', 'many'])
    expect(() => positive('--limit')(text)).toThrow('a positive integer for --limit')
})
