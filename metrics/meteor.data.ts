import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tokenize } from '../data/tokenizer.js'
import { candidates, example, fixtures, references } from './fixtures/example.js'
import { createMeteor } from './meteor/meteor.js'
import { loadMeteorResources } from './meteor/resources.js'
import type { Scores } from './scores.js'

// Answers of meteor-1.5.jar through pycocoevalcap 1.2, corpus and per image.
function expectAnswers(name: string, { corpus, perImage }: Scores): void {
  expect(Math.abs(corpus - (example.corpus[name] ?? Number.NaN))).toBeLessThan(1e-6)
  example.results.forEach(({ image_id, caption }, index) => {
    const answer = example.perImage[image_id]?.[name] ?? Number.NaN
    expect(Math.abs((perImage[index] ?? Number.NaN) - answer), caption).toBeLessThan(1e-6)
  })
}

test('500 captions score as METEOR 1.5 does with exact, stem and synonym', async () => {
  const meteor = createMeteor(await loadMeteorResources())
  expectAnswers('METEOR_exact_stem_synonym', meteor.score(candidates, references))
})

test('with the paraphrase table 500 captions and the example of nlg-eval score as METEOR 1.5 does', async () => {
  const paraphrases = process.env.METEOR_PARAPHRASES
  if (paraphrases === undefined)
    throw new Error(
      'METEOR_PARAPHRASES is not set: it names paraphrase-en.gz, which is in the Python package pycocoevalcap 1.2 ' +
        '(pip download --no-deps pycocoevalcap==1.2; pycocoevalcap/meteor/data)',
    )
  const meteor = createMeteor(await loadMeteorResources({ paraphrases }))
  expectAnswers('METEOR', meteor.score(candidates, references))
  const [hypotheses, ...sets] = ['hyp', 'ref1', 'ref2'].map((name) =>
    readFileSync(join(fixtures, `nlg-eval/${name}.txt`), 'utf8')
      .trim()
      .split('\n')
      .map(tokenize),
  )
  const ofSentence = hypotheses!.map((_, index) => sets.map((set) => set[index]!))
  expect(meteor.score(hypotheses!, ofSentence).corpus).toBeCloseTo(0.295797, 6)
})
