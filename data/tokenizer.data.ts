import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { tokenize } from './tokenizer.js'

test('all 12,522 lines equal what CoreNLP answered', () => {
  const file = join(process.env.SHOWTELL_SHARED ?? '../shared', 'fixtures/metrics/ptb-tokens.jsonl.gz')
  const lines = gunzipSync(readFileSync(file)).toString().trim().split('\n')
  expect(lines).toHaveLength(12_522)
  const answers: { caption: string; tokens: string }[] = lines.map((line) => JSON.parse(line))
  expect(answers.filter(({ caption, tokens }) => tokenize(caption).join(' ') !== tokens)).toEqual([])
})
