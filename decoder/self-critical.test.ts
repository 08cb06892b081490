import { describe, expect, it } from 'vitest'
import type { Example } from '../data/batches.js'
import { Vocabulary } from '../data/vocabulary.js'
import { DocumentFrequencies, scoreCider } from '../metrics/cider.js'
import { Random } from '../random.js'
import { advantages, CiderReward, gumbelNoise, rewardedBatch } from './self-critical.js'

const words = (caption: string): string[] => caption.split(' ')
const EXAMPLES: Example[] = [
  { key: 'a', style: 'plain', captions: ['a dog runs on grass', 'a brown dog runs'].map(words) },
  { key: 'b', style: 'plain', captions: ['a cat sits', 'the cat sits on a sofa', 'one cat'].map(words) },
  { key: 'c', style: 'plain', captions: ['a dog and a cat on grass'].map(words) },
]
const VOCABULARY = Vocabulary.build(
  EXAMPLES.flatMap(({ captions }) => captions),
  {
    minimumCount: 1,
    styles: ['plain'],
  },
)

describe('the reward', () => {
  it('is CIDEr-D with the end as a word', () => {
    const reward = new CiderReward(EXAMPLES)
    const ended = EXAMPLES.map(({ captions }) => captions.map((caption) => [...caption, 'E']))
    const said = ['a dog runs on a sofa', 'a dog', 'one cat sits on grass'].map(words)
    for (const [i, example] of EXAMPLES.entries()) {
      const frequencies = DocumentFrequencies.of(ended)
      const truth = said.map(
        (caption) => scoreCider([[...caption, 'E']], [ended[i]!], frequencies).perImage[0]!,
      )
      const found = reward.of(example, said)
      for (const [at, value] of found.entries()) expect(value).toBeCloseTo(truth[at]!, 10)
    }
  })

  it('is compared with the mean of the other samples', () => {
    const rewards = [1, 4, 2.5, 0]
    expect(advantages(rewards)).toEqual([
      1 - (4 + 2.5 + 0) / 3,
      4 - (1 + 2.5 + 0) / 3,
      2.5 - (1 + 4 + 0) / 3,
      0 - (1 + 4 + 2.5) / 3,
    ])
    expect(() => advantages([1])).toThrow('Expected 2 samples or more for rewards but received 1')
  })
})

describe('a batch of samples and captions', () => {
  const samples = [
    ['a dog runs', 'a dog on a sofa'],
    ['a cat', 'the brown cat sits'],
    ['a sofa', 'a sofa'],
  ].map((captions) => captions.map(words))
  const rewards = [
    [3, 1],
    [0.5, 2],
    [1, 1],
  ]
  const make = (captionsPerImage: number) => {
    const config = { samplesPerImage: 2, captionsPerImage, maxLength: 10, crossEntropyWeight: 0.5 }
    return rewardedBatch(EXAMPLES, samples, rewards, VOCABULARY, config, new Random(1))
  }

  it('holds the samples of a photo first, then as many of its captions as asked for', () => {
    const { batch } = make(2)
    expect([batch.images, batch.hypotheses]).toEqual([3, 4])
    const said = Array.from({ length: 12 }, (_, row) =>
      VOCABULARY.decode(batch.targets.subarray(row * batch.length, (row + 1) * batch.length)).join(' '),
    )
    for (const [image, { captions }] of EXAMPLES.entries()) {
      const own = said.slice(image * 4, image * 4 + 4)
      expect(own.slice(0, 2)).toEqual(samples[image]!.map((caption) => caption.join(' ')))
      const true_ = own.slice(2).filter((caption) => caption !== '')
      expect(true_).toHaveLength(Math.min(2, captions.length))
      for (const caption of true_) expect(captions.map((each) => each.join(' '))).toContain(caption)
    }
  })

  it('weighs samples by advantage over all their words, captions by a mean over theirs', () => {
    const { batch, weights } = make(2)
    const countOf = (row: number) =>
      batch.mask.subarray(row * batch.length, (row + 1) * batch.length).reduce((sum, value) => sum + value, 0)
    const rows = [...weights.keys()]
    const isSample = (row: number) => row % 4 < 2
    const sampled = rows.filter(isSample).reduce((sum, row) => sum + countOf(row), 0)
    // The words of the six samples and an end each.
    expect(sampled).toBe(3 + 5 + 2 + 4 + 2 + 2 + 6)
    for (const row of rows.filter(isSample))
      expect(weights[row]! * sampled).toBeCloseTo(
        advantages(rewards[Math.floor(row / 4)]!)[(row % 4) % 2]!,
        5,
      )
    const captions = rows.filter((row) => !isSample(row))
    expect(captions.reduce((sum, row) => sum + weights[row]! * countOf(row), 0)).toBeCloseTo(0.5, 6)
  })
})

describe('Gumbel noise', () => {
  it('has the mean and the variance of the standard Gumbel distribution', () => {
    const noise = gumbelNoise(new Random(5), 400_000, 4000)
    const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length
    const variance = noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noise.length
    // Euler's constant and π² / 6; five standard errors.
    expect(Math.abs(mean - 0.5772157)).toBeLessThan(5 * Math.sqrt(1.645 / noise.length))
    expect(Math.abs(variance - Math.PI ** 2 / 6)).toBeLessThan(0.05)
  })

  it('is the same from the same generator, and another row by row', () => {
    expect(gumbelNoise(new Random(5), 30, 10)).toEqual(gumbelNoise(new Random(5), 30, 10))
    const noise = gumbelNoise(new Random(5), 20, 10)
    expect(noise.subarray(0, 10)).not.toEqual(noise.subarray(10))
  })
})
