import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { tokenize } from '../data/tokenizer.js'
import { scoreBleu } from './bleu.js'
import { scoreCider } from './cider.js'
import { scoreRouge } from './rouge.js'
import type { Scores } from './scores.js'

// pycocoevalcap 1.2's answers, corpus and per image.
const fixtures = join(process.env.SHOWTELL_SHARED ?? '../shared', 'fixtures/metrics')

interface Example {
  readonly results: readonly { readonly image_id: number; readonly caption: string }[]
  readonly references: {
    readonly annotations: readonly { readonly image_id: number; readonly caption: string }[]
  }
  readonly corpus: Readonly<Record<string, number>>
  readonly perImage: Readonly<Record<string, Readonly<Record<string, number>>>>
}

const example: Example = JSON.parse(gunzipSync(readFileSync(join(fixtures, 'example.json.gz'))).toString())
const candidates = example.results.map(({ caption }) => tokenize(caption))
const references = example.results.map(({ image_id }) =>
  example.references.annotations
    .filter((annotation) => annotation.image_id === image_id)
    .map(({ caption }) => tokenize(caption)),
)

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
