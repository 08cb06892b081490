import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { evaluate } from '../metrics/evaluation.js'
import { parseGroups } from '../metrics/object-groups.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { readBundle, rewriteBundle, rewriteConfidence, versionOf, writeBundle } from './bundle.js'
import { cardScoresOf } from './card-scores.js'
import { TINY_CONFIG, tinyContent, VOCABULARY } from './fixtures/captioners.js'
import { diagramOf, modelCard } from './model-card.js'

const images = [
  {
    id: '1',
    file: '1.jpg',
    candidate: 'a dog | runs',
    confidence: 0.9,
    references: ['a dog', 'dogs', 'a dog'],
  },
  { id: '2', file: '2.jpg', candidate: 'a man with a kite', confidence: 0.4, references: ['a woman', 'she'] },
  { id: '3', file: '3.jpg', candidate: 'a cat', confidence: 0.6, references: ['a bench', 'a wooden bench'] },
]
/** As it comes out of a file. */
const evaluationOf = async (people: boolean): Promise<Record<string, unknown>> =>
  JSON.parse(
    JSON.stringify(await evaluate(images, { people, samples: 40, subjects: parseGroups('dog\ncat') })),
  )

it('a card tells scores, people, gender, reliability and the surest failures, and the version stays', async () => {
  const path = temporaryFolder('card', onTestFinished)
  await writeBundle(path, tinyContent())
  const before = versionOf((await readBundle(path)).config)
  const scores = [
    cardScoresOf('One set', await evaluationOf(true), 'one.json'),
    cardScoresOf('Another', await evaluationOf(false), 'two.json'),
  ]
  await rewriteBundle(path, () => ({ scores }))
  const { config } = await readBundle(path)
  expect(config.scores).toEqual(scores)
  expect(versionOf(config)).toBe(before)
  expect(config.scores![0]!.failures.map(({ image, unsupported }) => [image, unsupported])).toEqual([
    ['3', ['cat']],
    ['2', ['kite']],
  ])
  const card = await readFile(join(path, 'README.md'), 'utf8')
  for (const text of [
    '(random), photos as 64 × 64 |',
    '| One set, 3 photos |',
    '| people on the same photos, against 1 references |',
    '| One set: people, against one reference fewer |',
    '| captions that name an object no reference names | 66.7 % | 33.3 % | 66.7 % |',
    '| captions that name the subject, where three references do | 100.0 % |  | 100.0 % |',
    '| different words | 8 | 4 | 8 |',
    '| of these, the other gender than the references | 100.0 % | 0.0 % | 100.0 % |',
    '![Reliability of Another](reliability-another.svg)',
    '| One set, 3 | a cat | cat | 0.60 |',
    // The same captions twice: the same error.
    `| all together | ${scores[0]!.calibration!.error.toFixed(3)} |`,
    'For tests.',
  ])
    expect(card).toContain(text)
  expect(card).not.toMatch(/undefined|NaN/)
  // Every row of a table has as many cells as its head.
  for (const block of card.split(/\n\n/).filter((text) => text.startsWith('|')))
    expect(new Set(block.split('\n').map((line) => line.match(/\|/g)!.length)).size).toBe(1)
  expect(await readFile(join(path, 'reliability-one-set.svg'), 'utf8')).toContain('3 captions')

  await rewriteBundle(path, () => ({ scores: scores.slice(0, 1) }))
  expect((await readdir(path)).filter((file) => file.endsWith('.svg'))).toEqual(['reliability-one-set.svg'])
  await rewriteConfidence(path, { weights: [1, 2, 3, 4], objects: {}, calibration: 'anew' })
  const anew = (await readBundle(path)).config
  expect(anew.scores![0]).not.toHaveProperty('calibration')
  expect(anew.scores![0]!.corpus).toEqual(scores[0]!.corpus)
  expect((await readdir(path)).filter((file) => file.endsWith('.svg'))).toEqual([])
  expect(await readFile(join(path, 'README.md'), 'utf8')).toContain('One set, 3 photos')
})

it('a card of a bundle that is not calibrated has no confidences; its failures are those with the lowest CIDEr', async () => {
  const evaluation = await evaluationOf(false)
  evaluation.perImage = { 2: { CIDEr: 0 }, 3: { CIDEr: 0.1 } }
  const one = cardScoresOf('One set', evaluation, 'one.json', false)
  expect(one).not.toHaveProperty('calibration')
  expect(one.failures).toEqual([
    { image: '2', caption: 'a man with a kite', unsupported: ['kite'] },
    { image: '3', caption: 'a cat', unsupported: ['cat'] },
  ])
  const { confidence: _, ...config } = TINY_CONFIG
  const card = modelCard({ config: { ...config, scores: [one] }, vocabulary: VOCABULARY })
  expect(card).toContain('| confidence | not calibrated |')
  expect(card).toContain('that name an object no reference names, those with the lowest CIDEr.\n')
  expect(card).not.toContain('## Confidence')
})

it('a card says which METEOR it has', async () => {
  const evaluation = await evaluationOf(false)
  const card = (...known: readonly (boolean | undefined)[]) => {
    const scores = known.map((paraphrases, i) =>
      cardScoresOf(`Set ${i + 1}`, { ...evaluation, paraphrases }, 'x.json'),
    )
    return modelCard({ config: { ...TINY_CONFIG, scores }, vocabulary: VOCABULARY })
  }
  expect(card(true, true)).toContain('interval. METEOR is with its paraphrases.\n')
  expect(card(false, false)).toContain(
    'interval. METEOR is without the paraphrases that pycocoevalcap has.\n',
  )
  expect(card(true, false)).toContain('METEOR of Set 2 is without the paraphrases that pycocoevalcap has.\n')
  expect(card(undefined)).not.toMatch(/METEOR (?:is|of)/)
})

it('a card says by how many images CIDEr weighs words, where it is not those of the set', async () => {
  const evaluation = await evaluationOf(false)
  const card = (...known: readonly (number | undefined)[]) => {
    const scores = known.map((frequencies, i) =>
      cardScoresOf(`Set ${i + 1}`, { ...evaluation, frequencies }, 'x.json'),
    )
    return modelCard({ config: { ...TINY_CONFIG, scores }, vocabulary: VOCABULARY })
  }
  expect(card(undefined)).not.toMatch(/CIDEr (?:is|of)/)
  const rest = 'images, where pycocoevalcap takes those of the set.\n'
  expect(card(5222, 5222)).toContain(` CIDEr is by the document frequencies of 5222 ${rest}`)
  expect(card(undefined, 5222)).toContain(` CIDEr of Set 2 is by the document frequencies of 5222 ${rest}`)
})

it('what is no evaluation is refused by what is missing', () => {
  expect(() => cardScoresOf('set', { images: 3 }, 'x.json')).toThrow('Expected an object for corpus')
  expect(() => cardScoresOf('set', [], 'x.json')).toThrow('x.json')
})

it('diagrams are named after their sets in letters of any script', () => {
  const sets = ['日本', '中国', 'हिन्दी', 'Žluťoučký kůň / 2']
  expect(sets.map((set) => diagramOf({ set }))).toEqual([
    'reliability-日本.svg',
    'reliability-中国.svg',
    'reliability-हिन्दी.svg',
    'reliability-žluťoučký-kůň-2.svg',
  ])
})

it('a card tells what a captioner came of, a training a row', async () => {
  const first = { data: 'photos | captions', epochs: 3 }
  const second = { seed: 2, 'begun with': { name: 'one', ...first } }
  const card = (training: Record<string, unknown>) =>
    modelCard({ config: { ...TINY_CONFIG, training }, vocabulary: VOCABULARY })
  expect(card(first)).toContain('| data | photos   captions |\n| epochs | 3 |')
  // As the config has it, where what is undefined is left out.
  expect(card({ fineTuneEncoder: undefined, ...first })).toBe(card(first))
  expect(card({ fineTuneEncoder: undefined, ...second })).toBe(card(second))
  expect(card({ 'mean of': [first, second] })).toContain(`
|  | from | with |
|---|---|---|
| 1 |  | data photos   captions; epochs 3 |
| 2 | 1 | seed 2 |
| 3 | mean of 1, 2 |  |
`)
})
