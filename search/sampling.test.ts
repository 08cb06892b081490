import { expect, test } from 'vitest'
import { Random } from '../random.js'
import { type ConstraintOptions, Constraints } from './constraints.js'
import type { Hypothesis } from './ranking.js'
import { type SamplingOptions, sample, sampleByNoise } from './sampling.js'
import { mayFollow, ToyModel } from './toy.test.model.js'

const END = 0
const START = 5
const toy: ConstraintOptions = {
  vocabularySize: 6,
  end: END,
  minLength: 1,
  maxLength: 3,
  banned: [START],
  noRepeatNgram: 2,
  exclusive: Int32Array.of(0, 7, 7, 0, 0, 0),
  notLast: Uint8Array.of(0, 0, 0, 1, 0, 0),
}

function options(constraints: ConstraintOptions, more: Partial<SamplingOptions> = {}): SamplingOptions {
  return {
    start: START,
    count: 1,
    lengthPenalty: 0.7,
    temperature: 1,
    topP: 1,
    random: [new Random(7)],
    ...more,
    constraints: new Constraints(constraints),
  }
}

const nameOf = ({ tokens, finished }: Pick<Hypothesis, 'finished'> & { tokens: Iterable<number> }) =>
  [...tokens, ...(finished ? [END] : [])].join(' ')

/** Chance of each next token: allowed ones at a temperature, then the smallest set of the likeliest that has topP. */
function chances(
  row: readonly number[],
  allowed: number[],
  temperature: number,
  topP: number,
): Map<number, number> {
  const powers = allowed.map((token): [number, number] => [token, Math.exp(row[token]!) ** (1 / temperature)])
  powers.sort((a, b) => b[1] - a[1])
  const total = powers.reduce((sum, [, power]) => sum + power, 0)
  const kept = powers.filter(
    (_, i) => powers.slice(0, i).reduce((sum, [, power]) => sum + power, 0) < topP * total,
  )
  const rest = kept.reduce((sum, [, power]) => sum + power, 0)
  return new Map(kept.map(([token, power]) => [token, power / rest]))
}

/** Chance of each caption by its name, and its log-probability in the model. */
function distribution(model: ToyModel, constraints: ConstraintOptions, temperature: number, topP: number) {
  const found = new Map<string, { chance: number; logProb: number }>()
  const visit = (tokens: number[], chance: number, logProb: number): void => {
    const row = model.logProbs(0, [START, ...tokens])
    const allowed = [...row.keys()].filter((token) => mayFollow(constraints, tokens, token))
    if (allowed.length === 0) found.set(nameOf({ tokens, finished: false }), { chance, logProb })
    for (const [token, share] of chances(row, allowed, temperature, topP))
      if (token === END)
        found.set(nameOf({ tokens, finished: true }), {
          chance: chance * share,
          logProb: logProb + row[END]!,
        })
      else visit([...tokens, token], chance * share, logProb + row[token]!)
  }
  visit([], 1, 0)
  return found
}

test.each([
  ['plain', 1, 1],
  ['sharper', 0.5, 1],
  ['flatter', 2, 1],
  ['nucleus', 1, 0.8],
  ['flatter nucleus', 1.5, 0.6],
])('captions come as often as their probabilities say: %s', async (_, temperature, topP) => {
  const model = new ToyModel([3], 6, 0.7)
  const count = 5000
  const [found] = await sample(model, options(toy, { count, temperature, topP }))
  expect(found).toHaveLength(count)
  const truth = distribution(model, toy, temperature, topP)
  for (const hypothesis of found!)
    expect(hypothesis.logProb).toBeCloseTo(truth.get(nameOf(hypothesis))!.logProb, 10)
  expectFrequencies(found!, truth)
})

test('with Gumbel noise in the model the best allowed token is a draw', async () => {
  const random = new Random(3)
  const noisy = new ToyModel([3, 4], 6, 0.7, () => -Math.log(-Math.log(random.uniform() + 1e-12)))
  const count = 5000
  const found = await sampleByNoise(noisy, {
    constraints: new Constraints(toy),
    start: [START, START],
    count,
  })
  for (const [image, photo] of noisy.photos.entries()) {
    expect(found[image]).toHaveLength(count)
    expectFrequencies(found[image]!, distribution(new ToyModel([photo], 6, 0.7), toy, 1, 1))
  }
  expect(noisy.unreleased).toBe(0)
})

test('each image begins with its own start token where there is one an image', async () => {
  const model = new ToyModel([3, 3], 6, 0.7)
  const logProbs = model.logProbs.bind(model)
  const begun = new Set<string>()
  model.logProbs = (image, history) => {
    if (history.length === 1) begun.add(`${image}: ${history}`)
    return logProbs(image, history)
  }
  const search = (start: number[]) =>
    sample(model, { ...options(toy), start, random: [new Random(1), new Random(2)] })
  await search([START, 4])
  expect([...begun]).toEqual([`0: ${START}`, '1: 4'])
  await expect(search([START])).rejects.toThrow(
    'Expected a token for each of 2 images for start but received 1',
  )
})

/** Pearson's chi-square, rare captions in one cell, against the 99.9 % point (Wilson and Hilferty 1931). */
function expectFrequencies(
  found: readonly Hypothesis[],
  truth: ReadonlyMap<string, { readonly chance: number }>,
): void {
  const seen = new Map<string, number>()
  for (const hypothesis of found) {
    const name = nameOf(hypothesis)
    expect(truth.has(name)).toBe(true)
    seen.set(name, (seen.get(name) ?? 0) + 1)
  }
  const cells: [expected: number, seen: number][] = [[0, 0]]
  for (const [name, { chance }] of truth) {
    const cell: [number, number] = [found.length * chance, seen.get(name) ?? 0]
    if (cell[0] >= 5) cells.push(cell)
    else cells[0] = [cells[0]![0] + cell[0], cells[0]![1] + cell[1]]
  }
  const used = cells.filter(([share]) => share > 0)
  const statistic = used.reduce((sum, [share, times]) => sum + (times - share) ** 2 / share, 0)
  const freedom = used.length - 1
  expect(freedom).toBeGreaterThan(3)
  expect(statistic).toBeLessThan(freedom * (1 - 2 / (9 * freedom) + 3.09 * Math.sqrt(2 / (9 * freedom))) ** 3)
}

test('top-p draws exactly the likeliest tokens that reach p', async () => {
  const constraints = {
    ...toy,
    vocabularySize: 12,
    minLength: 0,
    maxLength: 1,
    exclusive: new Int32Array(12),
  }
  const open = { ...constraints, notLast: new Uint8Array(12) }
  const model = new ToyModel([8], 12, 0.7)
  const row = model.logProbs(0, [START])
  const allowed = [...row.keys()].filter((token) => token !== START)
  for (const topP of [0.01, 0.2, 0.5, 0.75, 0.9, 1]) {
    const [found] = await sample(model, options(open, { count: 3000, topP }))
    const support = new Set(found!.map(({ tokens }) => tokens[0] ?? END))
    expect(support).toEqual(new Set(chances(row, allowed, 1, topP).keys()))
  }
})

test('photos in a batch get what each gets alone', async () => {
  const photos = [3, 1, 4, 1, 5]
  const search = (seeds: number[], from = 0) =>
    sample(
      new ToyModel(seeds, 6),
      options(toy, { count: 4, alignment: true, random: seeds.map((_, i) => new Random(7, from + i)) }),
    )
  const alone = await Promise.all(photos.map(async (seed, i) => (await search([seed], i))[0]))
  expect(await search(photos)).toEqual(alone)
})

test('a low temperature is greedy', async () => {
  for (let seed = 0; seed < 10; seed++) {
    const model = new ToyModel([seed], 6)
    const [[found]] = (await sample(model, options(toy, { temperature: 1e-4 }))) as [[Hypothesis]]
    found.tokens.forEach((token, i) => {
      const said = [...found.tokens.slice(0, i)]
      const row = model.logProbs(0, [START, ...said])
      const allowed = [...row.keys()].filter((next) => mayFollow(toy, said, next))
      expect(row[token]).toBe(Math.max(...allowed.map((next) => row[next]!)))
    })
    expect(model.unreleased).toBe(0)
  }
})

test('samples are sorted, and doubles go where asked', async () => {
  const same = (tokens: Int32Array) => tokens.join(' ')
  const [all] = await sample(new ToyModel([1], 6), options(toy, { count: 100 }))
  const [distinct] = await sample(new ToyModel([1], 6), options(toy, { count: 100, same }))
  expect(all!.map(({ score }) => score)).toEqual(all!.map(({ score }) => score).sort((a, b) => b - a))
  const keys = new Set<string>()
  expect(distinct).toEqual(all!.filter(({ tokens }) => keys.size < keys.add(same(tokens)).size))
})

test('where nothing may come the caption is empty, and where end is impossible it is as long as allowed', async () => {
  const empty = { tokens: new Int32Array(), logProb: 0, wordLogProbs: [], score: 0, finished: false }
  const nothing = { ...toy, banned: [0, 1, 2, 3, 4, 5] }
  expect(await sample(new ToyModel([1], 6), options(nothing, { count: 2 }))).toEqual([[empty, empty]])
  const endless = { ...toy, banned: [START, END], notLast: new Uint8Array(6) }
  const [found] = await sample(new ToyModel([1], 6), options(endless, { count: 5 }))
  expect(found!.map(({ tokens, finished }) => [tokens.length, finished])).toEqual(Array(5).fill([3, false]))
})

test('options out of range are refused by name', async () => {
  const search = (more: Partial<SamplingOptions>) => sample(new ToyModel([1], 6), options(toy, more))
  await expect(search({ temperature: 0 })).rejects.toThrow(
    'Expected a number above 0 for temperature but received 0',
  )
  await expect(search({ topP: 1.1 })).rejects.toThrow(
    'Expected a number above 0 and up to 1 for topP but received 1.1',
  )
  await expect(search({ random: [] })).rejects.toThrow(
    'Expected a generator for each of 1 images for random but received 0',
  )
})
