import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Evaluation, evaluate } from './evaluation.js'
import { createMeteor } from './meteor/meteor.js'
import { readParaphrases } from './meteor/paraphrases.js'
import { loadMeteorResources } from './meteor/resources.js'
import { htmlReport } from './report.js'
import { scoreCaptions } from './score.js'

async function* table() {
  yield new TextEncoder().encode('1\ndog\na dog\n1\ndog\nan animal\n1\na dog\nit\n1\nof the\nfrom\n')
}
const meteor = createMeteor({
  ...(await loadMeteorResources()),
  paraphrases: await readParaphrases(table(), 'the table'),
})

/** Every number that is in a value, with its place. */
function* numbersIn(value: unknown, place = ''): Generator<[place: string, value: number]> {
  if (typeof value === 'number') yield [place, value]
  else if (typeof value === 'object' && value !== null)
    for (const [key, part] of Object.entries(value)) yield* numbersIn(part, `${place}.${key}`)
}

function expectFinite(evaluation: unknown): void {
  let count = 0
  for (const [place, value] of numbersIn(evaluation)) {
    if (!Number.isFinite(value)) expect.fail(`${place} is ${value}`)
    count++
  }
  expect(count).toBeGreaterThan(10)
}

const words = fc.constantFrom(
  ...[
    'a',
    'dog',
    'dogs',
    'of',
    'the',
    'it',
    'woman',
    'his',
    'from',
    'car',
    '12',
    '1/2',
    "isn't",
    'U.S.',
    '…',
  ],
)
const caption = fc.oneof(
  fc.array(words, { maxLength: 15 }).map((list) => list.join(' ')),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom(
      ...[
        'a',
        ' ',
        '\ud800',
        '\udc00',
        '😀',
        '👩‍👩‍👧',
        'ש',
        'ل',
        '\u202e',
        '.',
        '\0',
        '7',
        '\u00a0',
        "'",
        '<',
        '&',
        '-',
        '\n',
      ],
    ),
    maxLength: 30,
  }),
  fc.double().map(String),
  fc.constantFrom(
    '',
    ' ',
    '12',
    'NaN',
    '__proto__',
    'constructor toString',
    '\n\n',
    'א ב ג',
    'dog '.repeat(300),
  ),
)
const id = fc.oneof(
  fc.string(),
  fc.nat().map(String),
  fc.constantFrom('__proto__', 'constructor', 'toString', '<b>'),
)

test('10,000 random and hostile captions raise nothing and give finite numbers, whatever is asked of them', async () => {
  const image = fc.record({
    id,
    file: id,
    candidate: caption,
    references: fc.array(caption, { minLength: 2, maxLength: 3 }),
    other: caption,
  })
  const images = fc.uniqueArray(image, { selector: (one) => one.id, minLength: 20, maxLength: 20 })
  let candidates = 0
  await fc.assert(
    fc.asyncProperty(images, async (set) => {
      const evaluation: Evaluation = await evaluate(set, {
        meteor: async (sets) => () => sets.map((one) => meteor.score(one.candidates, one.references)),
        samples: 40,
        people: true,
        other: set.map(({ other }) => other),
        training: set.map(({ references }) => references[0] ?? ''),
      })
      candidates += set.length
      expectFinite(evaluation)
      expect(Object.keys(evaluation.perImage).sort()).toEqual(set.map((one) => one.id).sort())
      expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation)
      expect(htmlReport({ title: '', evaluation, images: set, warnings: [] })).not.toContain('<b>')
    }),
    { numRuns: 500 },
  )
  expect(candidates).toBe(10_000)
})

/** Texts that are made of one thing. */
const REPEATED = [
  ...[
    'a dog of the ',
    'שלום עולם ',
    'a-',
    '\udc00a ',
    'x',
    '7',
    '😀',
    '\ud800',
    "'",
    '-',
    '. ',
    '1,',
    'http://a.',
  ],
].map((unit) => unit.repeat(Math.ceil(100_000 / Buffer.byteLength(unit))))

test('lines of 100 kB, against themselves and each other', () => {
  const scores = scoreCaptions(
    REPEATED,
    REPEATED.map((line, index) => [REPEATED[(index + 1) % REPEATED.length] ?? '', `z ${line}`]),
    { meteor },
  )
  expectFinite(scores)
  for (const { perImage } of Object.values(scores)) expect(perImage[0]).toBeGreaterThan(0.5)
})

test('a line of 17,000 different words', () => {
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  const line = [...letters]
    .flatMap((a) => [...letters].flatMap((b) => [...letters].map((c) => a + b + c)))
    .join(' ')
  const scores = scoreCaptions([line, 'x'], [[`the ${line}`], ['y']], { meteor })
  expectFinite(scores)
  for (const { perImage } of Object.values(scores)) expect(perImage[0]).toBeGreaterThan(0.9)
})
