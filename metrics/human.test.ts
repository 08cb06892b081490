import { expect, test } from 'vitest'
import { scoreHumans } from './human.js'
import { scoreTokens } from './score.js'

const words = (caption: string): string[] => caption.split(' ')
/** Where an image has four, the fourth is nobody's turn and no reference. */
const references = [
  ['a dog runs on the grass', 'a brown dog runs', 'the dog is running fast'],
  ['two men ride horses', 'men riding two brown horses', 'two riders on their horses', 'two brown horses'],
  ['a man rides a bicycle', 'someone in a red hat', 'a man in a hat on a bicycle'],
].map((captions) => captions.map(words))

test('people and candidates have the mean over the turns of their scores against the references less one', () => {
  const candidates = ['a dog on green grass', 'two brown horses', 'a man in a red hat rides'].map(words)
  const others = (turn: number) => references.map((captions) => captions.slice(0, 3).toSpliced(turn, 1))
  const { human, candidate, references: number } = scoreHumans(candidates, references)
  expect(number).toBe(2)
  const turns = [0, 1, 2].map((turn) => ({
    human: scoreTokens(
      references.map((captions) => captions[turn]!),
      others(turn),
    ),
    candidate: scoreTokens(candidates, others(turn)),
  }))
  expect(Object.keys(candidate)).toEqual(Object.keys(human))
  for (const name of ['Bleu_1', 'Bleu_4', 'ROUGE_L', 'CIDEr']) {
    const mean = (of: 'human' | 'candidate') =>
      turns.reduce((sum, turn) => sum + turn[of][name]!.corpus / 3, 0)
    expect(human[name], name).toBeCloseTo(mean('human'), 12)
    expect(candidate[name], name).toBeCloseTo(mean('candidate'), 12)
  }
})

test('people who agree score 1, and an image with one reference is named', () => {
  const same = [[words('a dog runs on grass'), words('a dog runs on grass')]]
  expect(scoreHumans([words('a cat')], same).human.ROUGE_L).toBeCloseTo(1, 12)
  expect(() => scoreHumans([['a']], [[['a']]])).toThrow('Expected at least two references for references[0]')
})
