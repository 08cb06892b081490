import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tokenize, words } from './tokenizer.js'

const tokens = (caption: string): string => tokenize(caption).join(' ')

// What the original answered.
test.each([
  // contractions and splits
  ["A man's dog can't jump over the bright-red fence.", "a man 's dog ca n't jump over the bright-red fence"],
  [
    "he's we'll they've I'd I'm you're shouldn't've",
    "he 's we 'll they 've i 'd i 'm you 're should n't 've",
  ],
  ['gonna cannot; gotta wanna lemme gimme', 'gon na can not got ta wan na lem me gim me'],
  [
    "'tis 'twas rock 'n' roll, o'clock ma'am O'Brien l'eau y'all",
    "'t is 't was rock 'n' roll o'clock ma'am o'brien l'eau y' all",
  ],
  ["the '90s, the 1960's, summer of '69", "the '90s the 1960 's summer of '69"],
  ['don’t it’s ’em don`t', "do n't it 's ’em do n`t"],
  // punctuation that goes and that stays
  ['Two people -- a man and a woman -- riding...', 'two people a man and a woman riding'],
  ['A dog , ,, a cat ; : ! ?? !! -----', 'a dog a cat ?? !! -----'],
  ["a 'b' \"c\" ``h'' “e” ‘f’ «g»", 'a b c h e f g'],
  ['a (small) dog [brown] {running}', 'a -lrb- small -rrb- dog -lsb- brown -rsb- -lcb- running -rcb-'],
  ['seated,others standing table.The end', 'seated others standing table.the end'],
  // abbreviations
  ['Mr. Smith on 5th St. in the U.S.A.', 'mr. smith on 5th st. in the u.s.a.'],
  ['a T.V. and an etc. at 10 a.m.', 'a t.v. and an etc. at 10 a.m.'],
  ['stop.; no. 5, no. It said', 'stop. no. 5 no it said'],
  ['plan B. The dog, plan B. a dog', 'plan b the dog plan b. a dog'],
  // numbers, money, signs
  [
    '3/4 full, 1,000.50 at 10:30, 8pm, $5, 50%, £2, 5¢',
    '3/4 full 1,000.50 at 10:30 8pm $ 5 50 % # 2 5 cents',
  ],
  ['1 1/2 cups ½', '1\u00a01/2 cups 1/2'],
  ['(555) 123-4567', '-lrb-555-rrb-\u00a0123-4567'],
  ['AT&T at&t B &amp; W and/or w/ w/o', 'at&t at & t b & w and/or w / w/o'],
  // addresses, faces, mark-up
  [
    'a #hashtag @user email me@x.com http://a.b/c x.jpg',
    'a #hashtag @user email me@x.com http://a.b/c x.jpg',
  ],
  [':) :-D ^_^ <UNK> <a href="x">', ':-rrb- :-d ^_^ <unk> <a\u00a0href="x">'],
  // other scripts, and signs the original does not know
  ['café naïve 日本の猫 が Привет', 'café naïve 日本の猫 が привет'],
  ['a😀dog 👍🏽 \u00ad so\u00adft x²³', 'a dog soft x ²³'],
  [' \t\n ', ''],
])('%s', (caption, expected) => expect(tokens(caption)).toBe(expected))

test('no token is empty, holds a plain space or is a removed sign, whatever the text', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: fc.constantFrom(...`ab A.,'"-/:&()<>@#$5 é’“\ud800…`), maxLength: 60 }),
  )
  fc.assert(
    fc.property(text, (caption) => {
      for (const token of tokenize(caption)) {
        expect(token).not.toMatch(/^$|[ \n]/)
        expect(["''", "'", '``', '`', '.', '?', '!', ',', ':', '-', '--', '...', ';']).not.toContain(token)
      }
    }),
    { numRuns: 2000 },
  )
})

test.each(['a', 'a,', "a'", 'a-', '<a', '(1', 'a@,', '.', '5.a.', '&eacute;', '\ud800', 'dog ', ':-'])(
  '20 kB of %j are read in time',
  (part) => {
    expect(() => tokenize(part.repeat(20_000 / part.length))).not.toThrow()
  },
)

test.each([
  ['1 1/2 pizzas', ['1', '1/2', 'pizzas']],
  ['call 555 123 4567', ['call', '555', '123', '4567']],
  ['a <br  title="a\tb"> dog', ['a', '<br', 'title="a', 'b">', 'dog']],
])('%s has words without white space inside', (caption, apart) => {
  expect(words(tokenize(caption))).toEqual(apart)
})
