import { expect, test } from 'vitest'
import { tokenize } from '../data/tokenizer.js'
import { compareScores } from './bootstrap.js'
import { DocumentFrequencies } from './cider.js'
import { evaluate } from './evaluation.js'
import { scoreHumans } from './human.js'
import { parseGroups } from './object-groups.js'
import { extremes, htmlReport } from './report.js'
import { factRows, scoreRows, subjectRows } from './report-rows.js'
import { type CaptionSet, scoreTokens } from './score.js'
import { meanScores } from './scores.js'

const images = [
  {
    id: '1',
    file: '1.jpg',
    candidate: 'a dog runs',
    confidence: 0.9,
    references: ['a dog runs', 'a brown dog'],
  },
  {
    id: '2',
    file: '<2>.jpg',
    candidate: '<img src=x onerror="alert(1)">',
    references: ['a "cat" & a kite', 'it'],
  },
  {
    id: '3',
    file: '3.jpg',
    candidate: 'a man with a kite',
    confidence: 0.4,
    references: ['a woman skis', 'a skier on a hill'],
  },
]
const other = ['a cat', 'a kite', 'a skier']
const evaluation = await evaluate(images, {
  people: true,
  other,
  training: ['A dog runs.'],
  subjects: parseGroups('dog\nkite'),
  samples: 50,
})

test('everything one evaluation says', () => {
  expect(Object.keys(evaluation.corpus)).toEqual(Object.keys(evaluation.perImage['1'] ?? {}))
  expect(evaluation.unsupportedObjects).toEqual({ 3: ['kite'] })
  expect(evaluation.diversity.copied).toBeCloseTo(1 / 3)
  expect(Object.keys(evaluation.comparison ?? {})).toEqual(Object.keys(evaluation.corpus))
  expect(evaluation.people?.references).toBe(1)
  for (const [name, { low, high }] of Object.entries(evaluation.intervals)) {
    expect(low, name).toBeLessThanOrEqual(evaluation.corpus[name] ?? 0)
    expect(high, name).toBeGreaterThanOrEqual(evaluation.corpus[name] ?? 0)
  }
})

test('people and other captions score what they score by themselves', () => {
  const candidates = images.map(({ candidate }) => tokenize(candidate))
  const references = images.map((image) => image.references.map(tokenize))
  expect(evaluation.people).toMatchObject(scoreHumans(candidates, references))
  expect(evaluation.comparison).toEqual(
    compareScores(scoreTokens(candidates, references), scoreTokens(other.map(tokenize), references), {
      samples: 50,
    }),
  )
})

test('captions, and confidences where there are any', () => {
  expect(evaluation.captions['1']).toBe('a dog runs')
  expect(evaluation.confidences).toEqual({ 1: 0.9, 3: 0.4 })
  // The first names a dog as its references do, the third a kite against them.
  expect(evaluation.calibration).toMatchObject({ captions: 2, right: 0.5, auroc: 1 })
  expect(evaluation.calibration?.error).toBeCloseTo((0.1 + 0.4) / 2)
})

test('the tables have a column a head, and people beside the captions', () => {
  for (const [head = [], ...rows] of [scoreRows(evaluation), factRows(evaluation)]) {
    expect(rows.length).toBeGreaterThan(4)
    for (const row of rows) expect(row).toHaveLength(head.length)
  }
  // Where people have fewer references than the captions, the head says so.
  expect(scoreRows(evaluation)[0]).toContain('with 1 refs')
  expect(factRows(evaluation)[0]).toEqual(['', 'captions', 'people, 1 ref fewer'])
  const facts = Object.fromEntries(factRows(evaluation).map(([name, ...values]) => [name, values]))
  expect(facts['captions that copy one of the training set']).toEqual(['33.3 %', ''])
  // One caption names a man where the references name a woman; the first of them names her against no other.
  expect(facts['of these, the other gender than the references']).toEqual(['100.0 %', '0.0 %'])
  expect(facts['of these, where no reference says']).toEqual(['0.0 %', '100.0 %'])
  // Of people, as of the captions, by the references that they are scored against.
  expect(facts['photos whose references name women']).toEqual(['33.3 %', '0.0 %'])
})

test('the table and the page say of which METEOR they have the score', async () => {
  const meteor = async (sets: readonly CaptionSet[]) => () =>
    sets.map(({ candidates }) => meanScores(candidates.map(() => 0.5)))
  for (const [paraphrases, title] of [
    [true, 'METEOR'],
    [false, 'METEOR, no paraphrases'],
    [undefined, 'METEOR, no paraphrases'],
  ] as const) {
    const scored = await evaluate(images, { meteor, paraphrases, people: true, other, samples: 40 })
    expect(scored.paraphrases).toBe(paraphrases === true)
    const row = scoreRows(scored).find(([name]) => name?.startsWith('METEOR'))
    expect(row).toEqual([title, '0.5000', '0.5000 – 0.5000', '0.5000', '0.5000', '0.0000', ...row!.slice(6)])
    const page = htmlReport({ title: 'x', evaluation: scored, images, warnings: [] })
    expect(page).toContain(`<td>${title}</td>`)
    expect(page).toContain(`<figcaption>${title}</figcaption>`)
  }
  expect(evaluation).not.toHaveProperty('paraphrases')
})

test('the table and the page say by how many images CIDEr weighs words, where it is not those scored', async () => {
  const documentFrequencies = DocumentFrequencies.of([[['a', 'dog']], [['a', 'cat']], [['snow']], [['a']]])
  const scored = await evaluate(images, { documentFrequencies, samples: 40 })
  expect(scored.frequencies).toBe(4)
  const title = 'CIDEr, document frequencies of 4 images'
  expect(scoreRows(scored).at(-1)![0]).toBe(title)
  const page = htmlReport({ title: 'x', evaluation: scored, images, warnings: [] })
  expect(page).toContain(`<td>${title}</td>`)
  expect(page).toContain(`<figcaption>${title}</figcaption>`)
  expect(evaluation).not.toHaveProperty('frequencies')
})

test('of captions without a gendered word nothing is told of gendered words', async () => {
  const neutral = [{ ...images[0]!, references: ['a dog runs', 'a man'] }]
  const ofThese = (rows: readonly string[][]) => rows.filter(([name]) => name!.startsWith('of these'))
  expect(ofThese(factRows(await evaluate(neutral, { samples: 40 })))).toEqual([])
  // Beside people who have some, its cells are empty.
  const beside = await evaluate([{ ...neutral[0]!, references: ['a man', 'a man and a dog'] }], {
    people: true,
    samples: 40,
  })
  expect(ofThese(factRows(beside)).map((row) => row.slice(1))).toEqual([
    ['', '100.0 %'],
    ['', '0.0 %'],
    ['', '0.0 %'],
  ])
})

test('the row of all subjects says that a photo of two counts twice', async () => {
  const photo = { id: '1', file: '1.jpg', candidate: 'a dog', references: Array(3).fill('a dog and a cat') }
  const both = await evaluate([photo], { subjects: parseGroups('dog\ncat'), samples: 40 })
  expect(subjectRows(both).slice(1)).toEqual([
    ['dog', '1', '1', '100.0 %'],
    ['cat', '1', '0', '0.0 %'],
    ['all, a photo once a subject', '2', '1', '50.0 %'],
  ])
})

test('best and worst photos, none in both', () => {
  const { best, worst } = extremes(evaluation, images)
  expect(best.map(({ id }) => id)).toEqual(['1'])
  expect(worst.map(({ id }) => id)).toEqual(['2', '3'])
})

test('the page holds all it needs and no text of a caption as mark-up', () => {
  const page = htmlReport({
    title: 'A & <b>',
    evaluation,
    images,
    warnings: ['r.json: <script>'],
    pictures: new Map([['1', 'data:image/png;base64,AAAA']]),
  })
  expect(page).not.toContain('<img src=x')
  expect(page).not.toContain('<script')
  expect(page).not.toMatch(/(?:href|src)="(?!data:)/)
  expect(page).toContain('data:image/png;base64,AAAA')
  expect(page).toContain('expected calibration error')
  expect(page).toContain('A &#38; &#60;b&#62;')
  for (const name of Object.keys(evaluation.corpus)) expect(page).toContain(`<td>${name}</td>`)
  expect(page).not.toMatch(/NaN|undefined/)
})
