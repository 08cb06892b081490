import { expect, test } from 'vitest'
import { scoreHumans } from './human.js'

const words = (caption: string): string[] => caption.split(' ')
const references = [
  ['a dog runs on the grass', 'a brown dog runs', 'the dog is running fast'],
  ['two men ride horses', 'men riding two brown horses', 'two riders on their horses', 'a fourth caption'],
].map((captions) => captions.map(words))

test('a candidate that copies one of the references scores like people', () => {
  for (const turn of [0, 1, 2]) {
    const copies = references.map((captions) => captions[turn] ?? [])
    const { human, candidate, references: number } = scoreHumans(copies, references)
    expect(number).toBe(2)
    // Against the references less itself it is one of the human turns; otherwise it matches itself.
    for (const name of ['Bleu_1', 'Bleu_4', 'ROUGE_L', 'CIDEr'])
      expect(candidate[name]).toBeGreaterThanOrEqual((human[name] ?? 0) - 1e-12)
  }
})

test('people who agree score 1, and an image with one reference is named', () => {
  const same = [[words('a dog runs on grass'), words('a dog runs on grass')]]
  expect(scoreHumans([words('a cat')], same).human.ROUGE_L).toBeCloseTo(1, 12)
  expect(() => scoreHumans([['a']], [[['a']]])).toThrow('Expected at least two references for references[0]')
})
