import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Alignment, align } from './align.js'
import { MatchFinder } from './matches.js'
import { type MeteorResources, readSentences } from './sentence.js'
import { indexSynonyms } from './synonyms.js'

const resources: MeteorResources = {
  functionWords: new Set(),
  synonyms: indexSynonyms({ groups: ['dog hound', 'television tv'], inflections: [] }),
  paraphrases: {
    longest: 3,
    mayHave: () => true,
    of: (phrase) => (phrase === 'in front of' ? ['before'] : phrase === 'kids' ? ['youngsters'] : []),
  },
}

function alignWords(candidate: readonly string[], reference: readonly string[]): Alignment {
  const set = readSentences(resources, [candidate, reference])
  const finder = new MatchFinder(set)
  finder.candidate = set.sentences[0]!
  return align(finder, set.sentences[1]!)
}

function alignTexts(candidate: string, reference: string): Alignment {
  return alignWords(candidate.split(' '), reference.split(' '))
}

/** Matches as `start>referenceStart/module`. */
function matchesOf(candidate: string, reference: string): string {
  return alignTexts(candidate, reference)
    .matches.map(({ start, referenceStart, module }) => `${start}>${referenceStart}/${module}`)
    .join(' ')
}

// Observed of METEOR 1.5, which has the same synonyms.
test.each([
  ['a dog a cat a', 'a cat a dog a', '2>0/0 3>1/0 0>2/0 1>3/0 4>4/0'],
  ['dogs', 'hounds', '0>0/2'],
  ['x dog', 'hound x dog', '0>1/0 1>2/0'],
  ['x dogs', 'x hound dog', '0>0/0 1>1/2'],
  ['x dogs', 'x q hound dog', '0>0/0'],
  ['dogs', 'dog', ''],
  ['dogs dog', 'hound dog', '0>0/2 1>1/0'],
  ['x y a', 'a b c a', '2>0/0'],
  ['a x', 'a y a', '0>2/0'],
  ['the cat the', 'the the cat', '2>0/0 0>1/0 1>2/0'],
])('%s | %s', (candidate, reference, matches) => {
  expect(matchesOf(candidate, reference)).toBe(matches)
})

test('phrases of different lengths match, whichever side the table names first', () => {
  expect(alignTexts('sit in front of it', 'sit before it')).toEqual({
    chunks: 1,
    matches: [
      { module: 0, start: 0, length: 1, referenceStart: 0, referenceLength: 1 },
      { module: 3, start: 1, length: 3, referenceStart: 1, referenceLength: 1 },
      { module: 0, start: 4, length: 1, referenceStart: 2, referenceLength: 1 },
    ],
  })
  expect(matchesOf('youngsters', 'kids')).toBe('0>0/3')
})

/** Most words covered and, so covered, fewest chunks: all alignments of equal words tried. */
function exhaustive(candidate: readonly string[], reference: readonly string[]) {
  let best = { covered: 0, chunks: 0 }
  const visit = (
    position: number,
    used: readonly number[],
    last: number,
    covered: number,
    chunks: number,
  ) => {
    if (position === reference.length) {
      if (covered > best.covered || (covered === best.covered && chunks < best.chunks))
        best = { covered, chunks }
      return
    }
    visit(position + 1, used, -2, covered, chunks)
    candidate.forEach((word, start) => {
      if (word === reference[position] && !used.includes(start))
        visit(position + 1, [...used, start], start, covered + 1, start === last + 1 ? chunks : chunks + 1)
    })
  }
  visit(0, [], -2, 0, 0)
  return best
}

test('of equal words as many are covered as can be, in as few chunks as can be', () => {
  const words = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(words, words, (candidate, reference) => {
      const { matches, chunks } = alignWords(candidate, reference)
      expect({ covered: matches.length, chunks }).toEqual(exhaustive(candidate, reference))
    }),
  )
})

test('no word is in two matches and chunks are the runs of the matches', () => {
  const words = fc.array(fc.constantFrom('a', 'b', 'dog', 'dogs', 'hound', 'in', 'front', 'of', 'before'), {
    maxLength: 14,
  })
  fc.assert(
    fc.property(words, words, (candidate, reference) => {
      const { matches, chunks } = alignWords(candidate, reference)
      const positions = matches.flatMap(({ start, length }) => Array.from({ length }, (_, i) => start + i))
      expect(new Set(positions).size).toBe(positions.length)
      const runs = matches.filter((match, index) => {
        const before = matches[index - 1]
        return (
          before === undefined ||
          before.start + before.length !== match.start ||
          before.referenceStart + before.referenceLength !== match.referenceStart
        )
      })
      expect(chunks).toBe(runs.length)
    }),
  )
})

test('of words that are repeated without end the places around are looked at', () => {
  const words = 'a car the auto'.split(' ')
  const long = Array.from({ length: 20_000 }, (_, index) => words[index % words.length]!)
  expect(alignWords(long, long)).toMatchObject({ chunks: 1, matches: { length: 20_000 } })
  // 80 of a word are few enough to look at all of them from everywhere.
  const half = Array.from({ length: 40 }, () => 'dog')
  const { matches } = alignWords([...half, 'x', ...half], [...half, ...half, 'x'])
  expect(matches).toHaveLength(81)
})
