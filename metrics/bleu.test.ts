import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scoreBleu } from './bleu.js'
import { candidates, references, stated } from './fixtures/nlg-eval.js'

test("nlg-eval's example", () => {
  const scores = scoreBleu(candidates, references)
  for (const [index, score] of scores.entries())
    expect(score.corpus).toBeCloseTo(stated[`Bleu_${index + 1}` as 'Bleu_1'], 9)
})

test('matches are clipped by the reference that has most of them (the example of the paper, section 2.1)', () => {
  const the = 'the the the the the the the'.split(' ')
  const captions = ['the cat is on the mat', 'there is a cat on the mat'].map((caption) => caption.split(' '))
  expect(scoreBleu([the], [captions])[0]?.corpus).toBeCloseTo(2 / 7, 8)
})

test('a short caption is penalised against the closest length, the shorter of two equally close', () => {
  const caption = ['a', 'b', 'c']
  const precise = (lengths: number[]): number =>
    scoreBleu([caption], [lengths.map((length) => [...'abcdef'].slice(0, length))])[0]?.corpus ?? 0
  expect(precise([4, 2])).toBeCloseTo(1, 8)
  expect(precise([4, 6])).toBeCloseTo(Math.exp(1 - 4 / 3), 8)
})

test('from 0 to 1 for any captions, 1 for a reference itself, and no order of images or references matters', () => {
  const caption = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 })
  const set = fc.array(fc.tuple(caption, fc.array(caption, { minLength: 1, maxLength: 4 })), {
    minLength: 1,
    maxLength: 5,
  })
  fc.assert(
    fc.property(set, (images) => {
      const all = scoreBleu(
        images.map(([c]) => c),
        images.map(([, r]) => r),
      )
      const turned = [...images].reverse()
      const reversed = scoreBleu(
        turned.map(([c]) => c),
        turned.map(([, r]) => [...r].reverse()),
      )
      for (const [order, { corpus, perImage }] of all.entries()) {
        for (const value of [corpus, ...perImage]) {
          expect(value).toBeGreaterThanOrEqual(0)
          expect(value).toBeLessThanOrEqual(1)
        }
        expect(reversed[order]?.corpus).toBeCloseTo(corpus, 12)
        expect(reversed[order]?.perImage.toReversed()).toEqual(perImage)
      }
    }),
  )
  const own = scoreBleu(
    [['a', 'dog', 'runs', 'fast', 'home']],
    [[['x'], ['a', 'dog', 'runs', 'fast', 'home']]],
  )
  for (const { corpus } of own) expect(corpus).toBeCloseTo(1, 7)
})
