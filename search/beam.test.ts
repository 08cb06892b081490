import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type BeamOptions, beamSearch } from './beam.js'
import { type ConstraintOptions, Constraints } from './constraints.js'
import type { Hypothesis } from './ranking.js'
import { type Complete, enumerate, mayFollow, ToyModel } from './toy.test.model.js'

const END = 0
const START = 5
/** End, four words, start. */
const toy: ConstraintOptions = {
  vocabularySize: 6,
  end: END,
  minLength: 0,
  maxLength: 4,
  banned: [START],
  noRepeatNgram: 0,
}
/** More than there are partial captions. */
const EXHAUSTIVE = 4 ** 4 * 6

function options(constraints: ConstraintOptions, more: Partial<BeamOptions> = {}): BeamOptions {
  return {
    start: START,
    count: 1,
    lengthPenalty: 0.7,
    beamSize: 3,
    ...more,
    constraints: new Constraints(constraints),
  }
}

function best(captions: readonly Complete[], lengthPenalty: number, count: number) {
  return captions
    .map(({ tokens, logProb }) => ({
      tokens,
      logProb,
      score: logProb / Math.max(1, tokens.length) ** lengthPenalty,
    }))
    .sort((a, b) => b.score - a.score)
    .slice(0, count)
    .map(({ tokens, logProb, score }) => ({
      tokens: Int32Array.from(tokens),
      logProb,
      score,
      finished: true,
    }))
}

const withoutWords = ({ wordLogProbs, ...rest }: Hypothesis) => rest

const constrained: Record<string, Partial<ConstraintOptions>> = {
  'no constraint': {},
  'a banned word': { banned: [START, 2] },
  'a minimum length': { minLength: 3 },
  'one fixed length': { minLength: 3, maxLength: 3 },
  'no repeated bigram': { noRepeatNgram: 2 },
  'no repeated word': { noRepeatNgram: 1 },
  'exclusive groups': { exclusive: Int32Array.of(0, 7, 7, 0, 3, 0) },
  'words that end may not follow': { notLast: Uint8Array.of(0, 1, 1, 0, 1, 0) },
  'all constraints': {
    banned: [START, 4],
    minLength: 1,
    noRepeatNgram: 2,
    exclusive: Int32Array.of(0, 7, 7, 0, 0, 0),
    notLast: Uint8Array.of(0, 1, 0, 0, 0, 0),
  },
}

test.each(Object.entries(constrained))('a wide beam finds what enumeration finds: %s', async (_, changes) => {
  const constraints = { ...toy, ...changes }
  for (const [seed, lengthPenalty] of [0, 0.7, 1, 2].entries())
    for (const count of [1, 5]) {
      const model = new ToyModel([seed, seed + 100], toy.vocabularySize)
      const found = await beamSearch(
        model,
        options(constraints, { beamSize: EXHAUSTIVE, count, lengthPenalty }),
      )
      expect(found.map((hypotheses) => hypotheses.map(withoutWords))).toEqual(
        [0, 1].map((i) => best(enumerate(model, i, START, constraints), lengthPenalty, count)),
      )
      expect(model.unreleased).toBe(0)
    }
})

test('an n-best list holds no doubles, and the best of them stays', async () => {
  const same = (tokens: Int32Array) => [...new Set(tokens)].sort().join(' ')
  for (let seed = 0; seed < 5; seed++) {
    const model = new ToyModel([seed], toy.vocabularySize)
    const [found] = await beamSearch(model, options(toy, { beamSize: EXHAUSTIVE, count: 6, same }))
    const seen = new Set<string>()
    const distinct = best(enumerate(model, 0, START, toy), 0.7, Number.POSITIVE_INFINITY).filter(
      ({ tokens }) => {
        const isNew = !seen.has(same(tokens))
        seen.add(same(tokens))
        return isNew
      },
    )
    expect(found!.map(withoutWords)).toEqual(distinct.slice(0, 6))
  }
})

test('a beam of one is greedy', async () => {
  for (const changes of Object.values(constrained)) {
    const constraints = { ...toy, maxLength: 7, ...changes }
    for (let seed = 0; seed < 10; seed++) {
      const model = new ToyModel([seed], toy.vocabularySize)
      const words: number[] = []
      let logProb = 0
      let finished = false
      while (!finished) {
        const row = model.logProbs(0, [START, ...words])
        const allowed = [...row.keys()].filter((token) => mayFollow(constraints, words, token))
        if (allowed.length === 0) break
        const token = allowed.reduce((a, b) => (row[b]! > row[a]! ? b : a))
        logProb += row[token]!
        if (token === END) finished = true
        else words.push(token)
      }
      const [found] = await beamSearch(model, options(constraints, { beamSize: 1 }))
      expect(found).toMatchObject([{ tokens: Int32Array.from(words), logProb, finished }])
    }
  }
})

test('no beam scores higher than the exhaustive one', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const model = new ToyModel([seed], toy.vocabularySize)
    const score = async (beamSize: number) =>
      (await beamSearch(model, options(toy, { beamSize })))[0]![0]!.score
    const highest = await score(EXHAUSTIVE)
    for (const beamSize of [1, 2, 3, 8]) expect(await score(beamSize)).toBeLessThanOrEqual(highest)
  }
})

/** A vocabulary large enough that k is smaller. */
const larger: ConstraintOptions = {
  vocabularySize: 40,
  end: END,
  minLength: 2,
  maxLength: 12,
  banned: [START, 6, 7, 8, 9],
  noRepeatNgram: 2,
  exclusive: Int32Array.from({ length: 40 }, (_, token) => (token < 20 ? token >> 1 : 0)),
  notLast: Uint8Array.from({ length: 40 }, (_, token) => (token >= 30 ? 1 : 0)),
}

test('photos in a batch get what each gets alone', async () => {
  const photos = [3, 1, 4, 1, 5, 92]
  const search = (seeds: number[]) =>
    beamSearch(new ToyModel(seeds, 40), options(larger, { count: 3, alignment: true }))
  const alone = await Promise.all(photos.map(async (seed) => (await search([seed]))[0]))
  expect(await search(photos)).toEqual(alone)
  expect(await search([])).toEqual([])
})

test('the best k continuations are as good as full rows', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 6 }), async (seed, beamSize) => {
      const given = options(larger, { beamSize, count: 3 })
      const found = await beamSearch(new ToyModel([seed], 40), given)
      given.constraints.mostBans = () => 40
      expect(await beamSearch(new ToyModel([seed], 40), given)).toEqual(found)
    }),
    { numRuns: 40 },
  )
})

test('every caption keeps to the constraints, and finished ones come first, best first', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 5 }), async (seed, beamSize) => {
      const [found] = await beamSearch(new ToyModel([seed], 40), options(larger, { beamSize, count: 5 }))
      expect(found!.length).toBeGreaterThan(0)
      for (const { tokens, finished } of found!) {
        const words = [...tokens]
        words.forEach((token, i) => {
          expect(mayFollow(larger, words.slice(0, i), token)).toBe(true)
        })
        if (finished) expect(mayFollow(larger, words, END)).toBe(true)
      }
      const order = [...found!].sort((a, b) => Number(b.finished) - Number(a.finished) || b.score - a.score)
      expect(found).toEqual(order)
    }),
    { numRuns: 40 },
  )
})

test('where end is impossible the longest captions are the fallback', async () => {
  const constraints = { ...toy, banned: [START, END] }
  const [found] = await beamSearch(new ToyModel([1], 6), options(constraints, { count: 3 }))
  expect(found!.map(({ tokens, finished }) => [tokens.length, finished])).toEqual(Array(3).fill([4, false]))
})

test('where nothing may come the caption is empty', async () => {
  const constraints = { ...toy, banned: [0, 1, 2, 3, 4, 5] }
  const [found] = await beamSearch(new ToyModel([1], 6), options(constraints, { count: 3 }))
  expect(found).toEqual([
    { tokens: new Int32Array(), logProb: 0, wordLogProbs: [], score: 0, finished: false },
  ])
})

test('a hypothesis that runs out of words gives way to those that finished', async () => {
  // Words 1 and 2 exclude all others and end may not follow word 1: saying it is a dead end.
  const dead = {
    ...toy,
    minLength: 1,
    exclusive: Int32Array.of(0, 1, 1, 1, 1, 0),
    notLast: Uint8Array.of(0, 1, 0, 0, 0, 0),
  }
  for (let seed = 0; seed < 5; seed++) {
    const [found] = await beamSearch(new ToyModel([seed], 6), options(dead, { beamSize: 9, count: 9 }))
    expect(found!.map(({ tokens, finished }) => [[...tokens], finished])).toEqual(
      expect.arrayContaining([
        [[2], true],
        [[3], true],
        [[4], true],
        [[1], false],
      ]),
    )
    expect(found!.at(-1)!.finished).toBe(false)
  }
})

test('end at once is a caption of no words with a finite score', async () => {
  const [found] = await beamSearch(
    new ToyModel([1], 6),
    options({ ...toy, banned: [1, 2, 3, 4, 5] }, { lengthPenalty: 1 }),
  )
  expect(found).toMatchObject([{ tokens: new Int32Array(), finished: true }])
  expect(found![0]!.score).toBe(found![0]!.logProb)
})

test('alignment has a row for each word: where the model looked before saying it', async () => {
  const model = new ToyModel([2, 3], 40)
  for (const hypotheses of await beamSearch(model, options(larger, { count: 3, alignment: true })))
    for (const { tokens, alignment } of hypotheses)
      expect(alignment).toEqual(
        Array.from(tokens, (_, i) => Float32Array.from(model.alignment([START, ...tokens.slice(0, i)]))),
      )
  const [without] = await beamSearch(model, options(larger))
  expect(without![0]).not.toHaveProperty('alignment')
})

test('every word has the log-probability that the model gave it', async () => {
  const model = new ToyModel([4, 5], 40)
  for (const [image, hypotheses] of (await beamSearch(model, options(larger, { count: 3 }))).entries())
    for (const { tokens, wordLogProbs } of hypotheses) {
      expect(wordLogProbs).toHaveLength(tokens.length)
      for (const [i, logProb] of wordLogProbs.entries())
        expect(logProb).toBeCloseTo(model.logProbs(image, [START, ...tokens.slice(0, i)])[tokens[i]!]!, 9)
    }
})

test('the search stops once nothing can come in any more', async () => {
  const model = new ToyModel([11, 12], 6, 8)
  await beamSearch(model, options({ ...toy, maxLength: 50 }))
  expect(model.steps).toBeLessThan(51)
})

test('a model that gives no numbers is an error, and its states are released', async () => {
  const model = new ToyModel([1], 6, Number.NaN)
  await expect(beamSearch(model, options(toy))).rejects.toMatchObject({ code: 'NUMERIC' })
  expect(model.unreleased).toBe(0)
})

test('a search that nobody waits for any more takes no further step, and its states are released', async () => {
  const model = new ToyModel([1, 2], 6)
  const gone = new AbortController()
  const step = model.step.bind(model)
  model.step = (...given) => {
    if (model.steps === 1) gone.abort(new Error('gone'))
    return step(...given)
  }
  const search = beamSearch(model, options({ ...toy, minLength: 4 }, { signal: gone.signal }))
  await expect(search).rejects.toThrow('gone')
  expect([model.steps, model.unreleased]).toEqual([2, 0])
})

test('options out of range are refused by name', async () => {
  const search = (more: Partial<BeamOptions>, size = 6) =>
    beamSearch(new ToyModel([1], size), options(toy, more))
  await expect(search({ beamSize: 0 })).rejects.toThrow(
    'Expected an integer of 1 or more for beamSize but received 0',
  )
  await expect(search({ count: 0 })).rejects.toThrow(
    'Expected an integer of 1 or more for count but received 0',
  )
  await expect(search({ lengthPenalty: -1 })).rejects.toThrow(
    'Expected a number of 0 or more for lengthPenalty but received -1',
  )
  await expect(search({}, 7)).rejects.toThrow("Expected the model's 7 tokens for constraints but received 6")
})
