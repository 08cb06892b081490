import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { Vocabulary } from '../data/vocabulary.js'
import { largestDifference } from '../engine/fixtures/values.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { averageOf } from './average.js'
import { type Bundle, decoderWeightsOf, encoderWeightsOf, readBundle, writeBundle } from './bundle.js'
import { Decoder } from './decoder.js'
import { drawnWeights, tinyContent, VOCABULARY } from './fixtures/captioners.js'

const folder = temporaryFolder('average')
let one: Bundle
let other: Bundle
let gru: Bundle
let renamed: Bundle
beforeAll(async () => {
  const made = async (
    name: string,
    seed: number,
    changes: object = {},
    vocabulary = VOCABULARY,
  ): Promise<Bundle> => {
    const content = tinyContent()
    const decoder = { ...content.config.decoder, ...changes }
    await writeBundle(join(folder, name), {
      ...content,
      config: { ...content.config, decoder, name, terms: `As ${name}.` },
      vocabulary,
      decoderWeights: drawnWeights(new Decoder(decoder), seed),
    })
    return readBundle(join(folder, name))
  }
  one = await made('one', 1)
  other = await made('other', 2)
  gru = await made('gru', 1, { cell: 'gru' })
  const { version, styles, words } = JSON.parse(JSON.stringify(VOCABULARY))
  renamed = await made('renamed', 1, {}, Vocabulary.fromJSON({ version, styles, words: words.toReversed() }))
})

it('has the mean of the weights, and opens', async () => {
  const path = join(folder, 'both')
  await writeBundle(path, averageOf([one, other, other], 'both'))
  const both = await readBundle(path)
  const names = [...both.weights.entries.keys()]
  expect(names).toEqual([...one.weights.entries.keys()])
  for (const name of names) {
    const [a, b, mean] = [one, other, both].map(({ weights }) => weights.float32(name))
    expect(mean!.shape).toEqual(a!.shape)
    const wanted = mean!.data.map((_, i) => (a!.data[i]! + 2 * b!.data[i]!) / 3)
    // They are kept as float16.
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    expect(largestDifference(mean!.data, wanted), name).toBeLessThanOrEqual(largest / 2048 + 1e-7)
  }
  const { name, terms, confidence, scores, defaultStyle, training } = both.config
  expect({ name, terms, confidence, scores, defaultStyle }).toEqual({
    name: 'both',
    terms: 'As one. As other.',
    confidence: undefined,
    scores: undefined,
    defaultStyle: 'plain',
  })
  expect(training).toMatchObject({ 'mean of': [{ name: 'one' }, { name: 'other' }, { name: 'other' }] })
})

it('of a bundle and itself is that bundle', () => {
  const { encoderWeights, decoderWeights } = averageOf([one, one], 'same')
  for (const [name, data] of Object.entries(decoderWeightsOf(one)))
    expect(largestDifference(decoderWeights[name]!, data)).toBe(0)
  for (const [name, { data }] of Object.entries(encoderWeightsOf(one)))
    expect(largestDifference(encoderWeights[name]!.data, data)).toBe(0)
})

it('refuses what does not fit, and one alone', () => {
  expect(() => averageOf([one], 'alone')).toThrow('Expected two bundles or more for bundles but received 1')
  expect(() => averageOf([one, gru], 'x')).toThrow(`Expected the decoder of ${one.path} for ${gru.path}`)
  expect(() => averageOf([one, renamed], 'x')).toThrow(
    `Expected the vocabulary of ${one.path} for ${renamed.path}`,
  )
})
