import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { captionOptionsSchema } from './options.js'
import { validate } from './validate.js'

describe('validate', () => {
  it('fills in the defaults', () => {
    expect(validate(captionOptionsSchema, { count: 2 })).toMatchObject({
      count: 2,
      beamSize: 3,
      bannedWords: [],
    })
  })

  it.each([
    [{ beamSize: 0 }, 'Expected an integer from 1 to 20 for beamSize but received 0'],
    [{ count: 1.5 }, 'Expected an integer from 1 to 10 for count but received 1.5'],
    [{ topP: 0 }, 'Expected a number above 0 to 1 for topP but received 0'],
    [{ attention: 'x' }, 'Expected true or false for attention but received "x"'],
    [{ style: '' }, 'Expected text of 1 to 40 characters for style but received ""'],
    [{ bannedWords: 'dog' }, 'Expected a list of at most 1000 entries for bannedWords but received "dog"'],
    [{ bannedWords: ['hot dog'] }, 'Expected one word for bannedWords but received "hot dog"'],
    [{ bannedWords: ['dog', 3] }, 'Expected text of at most 50 characters for bannedWords.1 but received 3'],
    [{ minLength: 20 }, 'Expected an integer up to maxLength 16 for minLength but received 20'],
    [{ maxLength: 3 }, 'Expected an integer from minLength 4 for maxLength but received 3'],
    [[], 'Expected an object for the options but received []'],
    [null, 'Expected an object for the options but received null'],
  ])('says what is wrong with %j', (value, message) => {
    expect(() => validate(captionOptionsSchema, value)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message }),
    )
  })

  it('names a bound that is out of range itself', () => {
    const share = z.strictObject({ from: z.number().min(0).lt(1), between: z.number().gt(0).lt(1) })
    expect(() => validate(share, { from: 1, between: 1 })).toThrow(
      'Expected a number from 0 below 1 for from but received 1; ' +
        'Expected a number above 0 below 1 for between but received 1',
    )
  })

  it('lists every wrong value and the names there are', () => {
    expect(() => validate(captionOptionsSchema, { seed: -1, beams: 3 })).toThrow(
      /for seed but received -1; Expected one of count, beamSize, .* for a name in the options but received "beams"/,
    )
  })

  it('tells of the first ten, and never what a secret was', () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`name${i}`, i]))
    expect(() => validate(captionOptionsSchema, many)).toThrow(/received "name9"; and more$/)
    const list = z.strictObject({ numbers: z.array(z.int()) })
    expect(() => validate(list, { numbers: Array<string>(5000).fill('x') })).toThrow(
      /for numbers\.9 .*; and more$/,
    )
    const keys = z.strictObject({ keys: z.array(z.string()).default([]).meta({ secret: true }) })
    expect(() => validate(keys, { keys: 'hush' })).toThrow('Expected a list for keys but received "another"')
    expect(() => validate(keys, { keys: [123] })).toThrow('Expected text for keys.0 but received "another"')
  })

  it('of several ways to be right speaks of the one that was meant', () => {
    const schema = z.strictObject({ photo: z.union([z.string().min(1), z.strictObject({ width: z.int() })]) })
    const wrong = (photo: unknown): string => {
      try {
        return JSON.stringify(validate(schema, { photo }))
      } catch (error) {
        return (error as Error).message
      }
    }
    expect(wrong({ width: 'x' })).toBe('Expected an integer for photo.width but received "x"')
    expect(wrong({ width: 1, depth: 2 })).toBe(
      'Expected one of width for a name in photo but received "depth"',
    )
    expect(wrong('')).toBe('Expected text of at least 1 characters or an object for photo but received ""')
    expect(wrong(3)).toBe('Expected text of at least 1 characters or an object for photo but received 3')
  })

  it('however many things are wrong deep inside the way that was meant', () => {
    const one = z.strictObject({ image: z.string() })
    const several = z.strictObject({ images: z.array(z.strictObject({ width: z.int() })) })
    const images = Array.from({ length: 9 }, () => ({ width: 'x' }))
    expect(() => validate(z.union([one, several]), { images })).toThrow(
      /^Expected an integer for images\.0\.width but received "x"; .* images\.8\.width but received "x"$/,
    )
  })
})
