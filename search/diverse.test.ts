import { expect, test } from 'vitest'
import { type BeamOptions, beamSearch } from './beam.js'
import { type ConstraintOptions, Constraints } from './constraints.js'
import { diverseBeamSearch } from './diverse.js'
import type { Hypothesis } from './ranking.js'
import { type Complete, enumerate, ToyModel } from './toy.test.model.js'

const START = 5
/** End, four words, start. */
const toy: ConstraintOptions = {
  vocabularySize: 6,
  end: 0,
  minLength: 1,
  maxLength: 4,
  banned: [START],
  noRepeatNgram: 0,
}
/** More than there are partial captions. */
const EXHAUSTIVE = 4 ** 4 * 6
/** The first word carries grammar. */
const CONTENT = Int32Array.of(0, 0, 2, 3, 4, 5)

function options(more: Partial<BeamOptions> = {}) {
  const constraints = new Constraints(toy)
  return {
    start: START,
    count: 3,
    lengthPenalty: 0.7,
    beamSize: EXHAUSTIVE,
    ...more,
    constraints,
    content: CONTENT,
  }
}

const subject = ({ tokens }: { readonly tokens: Iterable<number> }): string =>
  [...tokens]
    .filter((token) => CONTENT[token] !== 0)
    .sort()
    .join()

/** One after the other: the best of all captions, less what each word costs that earlier ones have. */
function chosen(captions: readonly Complete[], count: number, reuse: number): number[][] {
  const found: Complete[] = []
  while (found.length < count) {
    const score = ({ tokens, logProb }: Complete): number => {
      const times = tokens
        .filter((token) => CONTENT[token] !== 0)
        .map((token) => found.flatMap((one) => one.tokens.filter((t) => t === token)))
      return (logProb - reuse * times.flat().length) / Math.max(1, tokens.length) ** 0.7
    }
    const others = captions.filter((one) => !found.map(subject).includes(subject(one)))
    found.push(others.reduce((best, one) => (score(one) > score(best) ? one : best)))
  }
  return found.map(({ tokens }) => tokens)
}

test.each([0.5, 2])('finds what enumeration finds where reuse costs %s', async (reuse) => {
  for (let seed = 0; seed < 8; seed++) {
    const model = new ToyModel([seed, seed + 100], toy.vocabularySize)
    const found = await diverseBeamSearch(model, { ...options(), reuse })
    for (const [image, hypotheses] of found.entries()) {
      const all = enumerate(model, image, START, toy)
      const wanted = chosen(all, 3, reuse)
      expect(hypotheses.map(({ tokens }) => [...tokens])).toEqual(wanted)
    }
    expect(model.unreleased).toBe(0)
  }
})

const scoresOf = (model: ToyModel, image: number, { tokens }: Hypothesis): number[] =>
  [...tokens, toy.end].map((token, i) => model.logProbs(image, [START, ...tokens.slice(0, i)])[token]!)

test('gives the probabilities of the model, without the cost', async () => {
  const model = new ToyModel([7], toy.vocabularySize)
  const [found] = await diverseBeamSearch(model, { ...options({ beamSize: 2 }), reuse: 1.5 })
  expect(found).toHaveLength(3)
  for (const one of found!) {
    const words = scoresOf(model, 0, one)
    const logProb = words.reduce((sum, value) => sum + value, 0)
    expect(one.logProb).toBeCloseTo(logProb, 5)
    expect(one.score).toBeCloseTo(logProb / one.tokens.length ** 0.7, 5)
    for (const [i, value] of one.wordLogProbs.entries()) expect(value).toBeCloseTo(words[i]!, 5)
  }
})

test('the first is that of the beam search, and photos do not meddle with each other', async () => {
  const photos = [3, 1, 4, 15]
  const search = (seeds: number[], count: number) =>
    diverseBeamSearch(new ToyModel(seeds, 6), {
      ...options({ beamSize: 2, count, alignment: true }),
      reuse: 0.5,
    })
  const together = await search(photos, 3)
  expect(together).toEqual(await Promise.all(photos.map(async (seed) => (await search([seed], 3))[0])))
  const alone = await beamSearch(new ToyModel(photos, 6), options({ beamSize: 2, count: 1, alignment: true }))
  expect(together.map(([first]) => first)).toEqual(alone.map(([first]) => first))
})

test.each([0, -1, 2.5, Number.NaN])('refuses a count of %s before the model begins', async (count) => {
  const model = new ToyModel([1], 6)
  await expect(diverseBeamSearch(model, { ...options({ count }), reuse: 1 })).rejects.toThrow(
    `Expected an integer of 1 or more for count but received ${count}`,
  )
  expect(model.unreleased).toBe(0)
})

test('where contents run out, other captions of the same fill the list; none comes twice', async () => {
  const only = { ...toy, banned: [START, 3, 4], maxLength: 2 }
  const same = (tokens: Int32Array): string => tokens.join()
  const given = { ...options({ beamSize: 2, count: 5, same }), constraints: new Constraints(only), reuse: 1 }
  const [found] = await diverseBeamSearch(new ToyModel([2], 6), given)
  expect(new Set(found!.map(({ tokens }) => same(tokens))).size).toBe(5)
})

test('words that are said alike are one word: no two hypotheses read the same, each has another subject', async () => {
  const said = (token: number): number => (token === 3 ? 2 : token)
  const alike = {
    ...options({ same: (tokens) => Array.from(tokens, said).join() }),
    content: CONTENT.map(said),
    reuse: 0.5,
  }
  for (let seed = 0; seed < 30; seed++) {
    const [found] = await diverseBeamSearch(new ToyModel([seed], 6), alike)
    const read = found!.map(({ tokens }) => Array.from(tokens, said))
    expect(new Set(read.map(String)).size).toBe(3)
    expect(new Set(read.map((tokens) => subject({ tokens }))).size).toBe(3)
  }
})

test('what costs nothing is found behind however many words that are said alike', async () => {
  const size = 40
  // All words but the first and the last two say the same.
  const content = Int32Array.from({ length: size }, (_, token) =>
    token < 2 ? 0 : token < size - 3 ? 2 : token,
  )
  const same = (tokens: Int32Array): string => tokens.join()
  const constraints = new Constraints({ ...toy, vocabularySize: size, maxLength: 1, banned: [size - 1] })
  const given = {
    start: size - 1,
    count: 2,
    lengthPenalty: 0,
    beamSize: 1,
    reuse: 50,
    same,
    constraints,
    content,
  }
  for (let seed = 0; seed < 20; seed++) {
    const model = new ToyModel([seed], size)
    const [found] = await diverseBeamSearch(model, given)
    const first = model.logProbs(0, [size - 1])
    const [best] = found!
    const free = [...first.keys()].filter(
      (token) =>
        token > 0 &&
        token < size - 1 &&
        (content[token] === 0 || content[token] !== content[best!.tokens[0]!]),
    )
    const wanted = free.reduce((top, token) => (first[token]! > first[top]! ? token : top))
    expect([...found![1]!.tokens], `photo ${seed}`).toEqual([wanted])
  }
})
