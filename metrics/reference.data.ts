import { expect, test } from 'vitest'
import { scoreBleu } from './bleu.js'
import { scoreCider } from './cider.js'
import { candidates, example, references } from './fixtures/example.js'
import { scoreRouge } from './rouge.js'
import type { Scores } from './scores.js'

// pycocoevalcap 1.2's answers, corpus and per image.
test.each<[string, () => Scores | undefined]>([
  ...[1, 2, 3, 4].map((order): [string, () => Scores | undefined] => [
    `Bleu_${order}`,
    () => scoreBleu(candidates, references)[order - 1],
  ]),
  ['ROUGE_L', () => scoreRouge(candidates, references)],
  ['CIDEr', () => scoreCider(candidates, references)],
])('%s of 500 captions equals pycocoevalcap within 1e-9', (name, score) => {
  const scores = score()
  expect(scores?.corpus).toBeCloseTo(example.corpus[name] ?? Number.NaN, 9)
  example.results.forEach(({ image_id }, index) => {
    const answer = example.perImage[image_id]?.[name] ?? Number.NaN
    expect(Math.abs((scores?.perImage[index] ?? Number.NaN) - answer)).toBeLessThan(1e-9)
  })
})
