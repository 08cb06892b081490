import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCaptions } from './captions.js'
import { breaksOff, FUNCTION_WORDS, isDangling } from './function-words.js'
import { tokenize } from './tokenizer.js'

const datasets = join(process.env.SHOWTELL_SHARED ?? join(import.meta.dirname, '../../shared'), 'datasets')

test('people end fewer than one caption in a thousand, and fewer than one in fifty that use it, with a dangling word', async () => {
  const captions = [
    ...(await readCaptions(join(datasets, 'coco-train/captions.json'))),
    ...(await readCaptions(join(datasets, 'flickr8k/Flickr8k.token.txt'), { split: 'train' })),
  ].flatMap((image) => image.captions.map(tokenize))
  expect(captions).toHaveLength(54_260)
  const uses = new Map<string, number>()
  const ends = new Map<string, number>()
  const count = (counts: Map<string, number>, word: string) => counts.set(word, (counts.get(word) ?? 0) + 1)
  for (const words of captions) {
    for (const word of new Set(words)) count(uses, word)
    count(ends, words.at(-1) ?? '')
  }
  for (const word of [...FUNCTION_WORDS].filter(isDangling)) {
    expect((ends.get(word) ?? 0) / captions.length, word).toBeLessThan(1 / 1000)
    expect((ends.get(word) ?? 0) / (uses.get(word) ?? 1), word).toBeLessThan(1 / 50)
  }
  const dangling = captions.filter((words) => isDangling(words.at(-1) ?? '')).length
  expect(dangling / captions.length).toBeLessThan(2 / 1000)
  expect(captions.filter(breaksOff)).toHaveLength(dangling)
})
