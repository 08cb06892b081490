import { beforeAll, describe, expect, it } from 'vitest'
import { makeBatch } from '../data/batches.js'
import { isContentWord } from '../data/function-words.js'
import { Vocabulary } from '../data/vocabulary.js'
import { evaluate, expectGradients } from '../engine/fixtures/differences.js'
import { floats } from '../engine/fixtures/values.js'
import type { TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { Decoder } from './decoder.js'
import { batchOf, steepWeights, TINY, tinyFeatures, tinyWeights } from './fixtures/tiny.js'
import { repetitionLoss, saidBefore } from './repetition.js'
import { teacherForcingLoss } from './teacher-forcing.js'

beforeAll(async () => {
  await useBackend('wasm')
})

describe('saying a word again', () => {
  const captions = [
    ['a', 'dog', 'and', 'a', 'brown', 'dog', 'run'],
    ['the', 'dog'],
  ]
  const vocabulary = Vocabulary.build(captions, { minimumCount: 1, styles: ['plain'] })
  const content = vocabulary.wordsThat(isContentWord)

  it('is about words of content', () => {
    expect(vocabulary.decode([...content.keys()].filter((token) => content[token] === 1)).sort()).toEqual([
      'brown',
      'dog',
      'run',
    ])
  })

  it('can happen to each word that the caption has said, but not where people say it again', () => {
    const batch = makeBatch([{ key: 'one', style: 'plain', captions }], [0], vocabulary, {
      captionsPerImage: 2,
      maxLength: 20,
      seed: 1,
      epoch: 0,
    })
    const positions = Int32Array.from(batch.mask.keys()).filter((position) => batch.mask[position] === 1)
    const said = saidBefore(batch, positions, content)
    const found = Array.from(positions, (position, row) => [
      vocabulary.word(batch.targets[position]!),
      vocabulary
        .decode([...content.keys()].filter((token) => said[row * vocabulary.size + token] === 1))
        .sort()
        .join(' '),
    ])
    const end = vocabulary.word(vocabulary.end)
    expect(found).toEqual([
      ['a', ''],
      ['dog', ''],
      ['and', 'dog'],
      ['a', 'dog'],
      ['brown', 'dog'],
      ['dog', 'brown'],
      ['run', 'brown dog'],
      [end, 'brown dog run'],
      ['the', ''],
      ['dog', ''],
      [end, 'dog'],
    ])
  })

  it('costs its probability', () => {
    const logits = floats(3, 4)
    const said = Float32Array.from([0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0])
    const loss = evaluate({ logits }, (ops, given) => repetitionLoss(ops, given.logits!, said))
    const rows = [0, 1, 2].map((row) => Array.from(logits.data.subarray(row * 4, row * 4 + 4), Math.exp))
    const truth = rows.flatMap((row, i) =>
      row.map((value, j) => (said[i * 4 + j]! * value) / row.reduce((sum, other) => sum + other, 0)),
    )
    expect(loss).toBeCloseTo(truth.reduce((sum, value) => sum + value, 0) / 3, 6)
  })

  it('is one more part of the loss of teacher forcing, with gradients that central differences confirm', () => {
    const decoder = new Decoder({ ...TINY, wordMemory: true })
    const given = { ...tinyWeights(decoder), features: tinyFeatures(decoder, 1) }
    const batch = batchOf([
      [
        [
          [3, 5, 6, 5],
          [5, 6, 5, 1],
        ],
      ],
    ])
    const everyWord = new Uint8Array(TINY.vocabularySize).fill(1, 4)
    const lossOf =
      (weight?: number) => (ops: TensorFlowOps, weights: Parameters<typeof teacherForcingLoss>[2]) =>
        teacherForcingLoss(ops, decoder, weights, batch, weights.features!, {
          ...(weight === undefined ? {} : { repetition: { weight, content: everyWord } }),
        })
    const [without, one, two] = [undefined, 1, 2].map((weight) => evaluate(given, lossOf(weight)))
    expect(one!).toBeGreaterThan(without!)
    expect(two! - without!).toBeCloseTo(2 * (one! - without!), 5)
    expectGradients({ ...given, ...steepWeights(decoder) }, lossOf(0.7), { directions: 2 })
  })
})
