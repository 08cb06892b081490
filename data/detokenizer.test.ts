import { describe, expect, it } from 'vitest'
import { toSentence } from './detokenizer.js'

describe('toSentence', () => {
  it.each([
    ['a man in a red shirt', 'A man in a red shirt.'],
    ["a man 's dog and the dogs ' ball", "A man's dog and the dogs' ball."],
    ["they do n't know it 's here", "They don't know it's here."],
    ["i think we 'll go and i 'm glad", "I think we'll go and I'm glad."],
    ['he can not swim', 'He cannot swim.'],
    ['a man -lrb- left -rrb- waves', 'A man left waves.'],
    ['a 1\\/2 eaten pizza for $ 5', 'A 1/2 eaten pizza for $5.'],
    ['2 dogs', '2 dogs.'],
    ['it is 5 p.m.', 'It is 5 p.m.'],
    ['élan', 'Élan.'],
    ['', ''],
  ])('%s → %s', (tokens, sentence) => {
    expect(toSentence(tokens.split(' ').filter((word) => word !== ''))).toBe(sentence)
  })
})
