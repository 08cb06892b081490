import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ConstraintOptions, Constraints, type Words } from './constraints.js'
import { mayFollow } from './toy.test.model.js'

const END = 0
const START = 1

function words(...tokens: number[]): Words {
  let path: Words = { before: undefined, token: START, length: 0 }
  for (const token of tokens) path = { before: path, token, length: path.length + 1 }
  return path
}

function forbiddenAfter(options: Partial<ConstraintOptions>, ...said: number[]): number[] {
  const constraints = new Constraints({ ...open, ...options })
  const forbids = constraints.forbidden(words(...said))
  return [...Array(constraints.vocabularySize).keys()].filter(forbids)
}

const open: ConstraintOptions = {
  vocabularySize: 8,
  end: END,
  minLength: 0,
  maxLength: 10,
  banned: [START],
  noRepeatNgram: 0,
}

test('banned tokens never come', () => {
  expect(forbiddenAfter({ banned: [START, 5, END] }, 2, 3)).toEqual([END, START, 5])
})

test('end does not come before the minimum length and nothing but end after the maximum', () => {
  expect(forbiddenAfter({ minLength: 2 }, 3)).toEqual([END, START])
  expect(forbiddenAfter({ minLength: 2 }, 3, 4)).toEqual([START])
  expect(forbiddenAfter({ maxLength: 2 }, 3, 4)).toEqual([1, 2, 3, 4, 5, 6, 7])
})

test('the token that would complete an n-gram a second time is forbidden', () => {
  expect(forbiddenAfter({ noRepeatNgram: 3 }, 2, 3, 4, 2, 3)).toEqual([START, 4])
  expect(forbiddenAfter({ noRepeatNgram: 3 }, 2, 2, 2)).toEqual([START, 2])
  expect(forbiddenAfter({ noRepeatNgram: 2 }, 3, 4, 3, 5, 3)).toEqual([START, 4, 5])
  expect(forbiddenAfter({ noRepeatNgram: 1 }, 6, 7)).toEqual([START, 6, 7])
  expect(forbiddenAfter({ noRepeatNgram: 4 }, 2, 3)).toEqual([START])
})

test('of an exclusive group one token comes, once', () => {
  const exclusive = Int32Array.of(0, 0, 0, 9, 9, -2, 3, 0)
  expect(forbiddenAfter({ exclusive }, 2, 7, 2, 7)).toEqual([START])
  expect(forbiddenAfter({ exclusive }, 2, 4, 6)).toEqual([START, 3, 4, 6])
})

test('end does not follow a token flagged as no last word, and no such token takes the last place', () => {
  const notLast = Uint8Array.of(0, 0, 1, 1, 0, 0, 0, 0)
  expect(forbiddenAfter({ notLast }, 4, 2)).toEqual([END, START])
  expect(forbiddenAfter({ notLast }, 2, 4)).toEqual([START])
  expect(forbiddenAfter({ notLast, maxLength: 3 }, 2, 4)).toEqual([START, 2, 3])
  expect(forbiddenAfter({ notLast, maxLength: 3, minLength: 3 }, 2, 4)).toEqual([END, START, 2, 3])
})

test('words said before are walked through only where a rule asks for them', () => {
  const said = words(2, 4, 3)
  let walks = 0
  const watched: Words = {
    ...said,
    get before() {
      walks++
      return said.before
    },
  }
  const asked = (options: Partial<ConstraintOptions>) => {
    walks = 0
    new Constraints({ ...open, ...options }).forbidden(watched)(5)
    return walks > 0
  }
  expect(asked({})).toBe(false)
  expect(asked({ notLast: Uint8Array.of(0, 0, 1, 0, 1, 0, 0, 0) })).toBe(false)
  expect(asked({ notLast: Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0) })).toBe(true)
  expect(asked({ noRepeatNgram: 3 })).toBe(true)
  expect(asked({ exclusive: new Int32Array(8) })).toBe(true)
})

const afterEven = ([, before = 1]: readonly number[]): boolean => before % 2 === 0

const anyOptions = fc
  .record({
    minLength: fc.integer({ min: 0, max: 4 }),
    more: fc.integer({ min: 0, max: 5 }),
    banned: fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 3 }),
    noRepeatNgram: fc.integer({ min: 0, max: 4 }),
    groups: fc.option(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 12, maxLength: 12 })),
    flags: fc.option(fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 12, maxLength: 12 })),
    depends: fc.boolean(),
  })
  .map(
    ({ minLength, more, banned, noRepeatNgram, groups, flags, depends }): ConstraintOptions => ({
      vocabularySize: 12,
      end: END,
      minLength,
      maxLength: Math.max(1, minLength + more),
      banned: [START, ...banned],
      noRepeatNgram,
      ...(groups === null ? {} : { exclusive: Int32Array.from(groups) }),
      ...(flags === null ? {} : { notLast: Uint8Array.from(flags) }),
      ...(depends ? { unfinished: afterEven } : {}),
    }),
  )
const anyChoices = fc.array(fc.nat(), { maxLength: 10 })

/** Every caption that the rules allow step by step, led by arbitrary choices. */
function follow(options: ConstraintOptions, choices: readonly number[], at: (said: number[]) => void): void {
  const said: number[] = []
  at(said)
  for (const choice of choices) {
    const allowed = [...Array(options.vocabularySize).keys()].filter(
      (token) => token !== END && mayFollow(options, said, token),
    )
    if (allowed.length === 0) return
    said.push(allowed[choice % allowed.length]!)
    at(said)
  }
}

test('what is forbidden is what the whole caption would break', () => {
  fc.assert(
    fc.property(anyOptions, anyChoices, (options, choices) => {
      const constraints = new Constraints(options)
      follow(options, choices, (said) => {
        const forbids = constraints.forbidden(words(...said))
        for (let token = 0; token < options.vocabularySize; token++)
          expect(forbids(token)).toBe(!mayFollow(options, said, token))
      })
    }),
    { numRuns: 300 },
  )
})

test('no hypothesis bans more for itself than mostBans says', () => {
  fc.assert(
    fc.property(anyOptions, anyChoices, (options, choices) => {
      const constraints = new Constraints(options)
      follow(options, choices, (said) => {
        const forbids = constraints.forbidden(words(...said))
        const own = Array.from(constraints.bias(said.length)).filter(
          (bias, token) => bias === 0 && forbids(token),
        )
        expect(own.length).toBeLessThanOrEqual(constraints.mostBans(said.length))
      })
    }),
    { numRuns: 300 },
  )
})

test('bias rows are the same arrays at every call', () => {
  const constraints = new Constraints({ ...open, minLength: 3 })
  for (let length = 0; length <= 10; length++) expect(constraints.bias(length)).toBe(constraints.bias(length))
})

test('options out of range are refused by name', () => {
  const making = (options: Partial<ConstraintOptions>) => () => new Constraints({ ...open, ...options })
  expect(making({ end: 8 })).toThrow('Expected an integer from 0 to 7 for end but received 8')
  expect(making({ maxLength: 0 })).toThrow('Expected an integer of 1 or more for maxLength but received 0')
  expect(making({ minLength: 11 })).toThrow('Expected an integer from 0 to 10 for minLength but received 11')
  expect(making({ noRepeatNgram: 1.5 })).toThrow(
    'Expected an integer of 0 or more for noRepeatNgram but received 1.5',
  )
  expect(making({ banned: [-1] })).toThrow('Expected an integer from 0 to 7 for banned but received -1')
  expect(making({ exclusive: new Int32Array(3) })).toThrow('Expected 8 numbers for exclusive but received 3')
  expect(making({ notLast: new Uint8Array(9) })).toThrow('Expected 8 numbers for notLast but received 9')
})
