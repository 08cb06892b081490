import { beforeAll, describe, expect, it } from 'vitest'
import type { Example } from '../data/batches.js'
import { Vocabulary } from '../data/vocabulary.js'
import { evaluate, expectGradients } from '../engine/fixtures/differences.js'
import type { Values } from '../engine/fixtures/values.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { tensorsOf } from '../rnn/fixtures/tensors.js'
import { Decoder } from './decoder.js'
import { batchOf, steepWeights, TINY, tinyFeatures, tinyWeights } from './fixtures/tiny.js'
import { checkWordMemory, photoWords, photoWordsLoss } from './photo-words.js'
import { trainingConfigSchema } from './recipe.js'
import { teacherForcingLoss } from './teacher-forcing.js'

beforeAll(async () => {
  await useBackend('wasm')
})

const decoder = new Decoder({ ...TINY, wordMemory: true })
const GIVEN: Record<string, Values> = { ...tinyWeights(decoder), features: tinyFeatures(decoder, 2) }
/** Of the second photo no word is known. */
const WANTED = Float32Array.from([0, 0, 0, 0, 0.25, 0.75, 0, ...new Array(7).fill(0)])

describe('the words of photos', () => {
  it('are shared out by how many captions say them, words of content alone', () => {
    const captions = [
      ['a', 'dog', 'runs'],
      ['the', 'dog', 'and', 'a', 'dog', 'play'],
      ['a', 'dog', 'in', 'snow'],
    ]
    const vocabulary = Vocabulary.build([['a', 'dog', 'runs', 'in', 'the', 'grass', 'snow']], {
      minimumCount: 1,
      styles: ['plain'],
    })
    const photos: Example[] = [
      { key: 'one', style: 'plain', captions },
      { key: 'two', style: 'plain', captions: [['a', 'gnu']] },
    ]
    const shares = photoWords(photos, vocabulary)
    expect(shares).toHaveLength(2 * vocabulary.size)
    const [one, two] = [shares.subarray(0, vocabulary.size), shares.subarray(vocabulary.size)]
    const named = vocabulary.decode([...one.keys()].filter((token) => one[token]! > 0))
    expect(named.sort()).toEqual(['dog', 'runs', 'snow'])
    expect(one[vocabulary.idOf('dog')!]).toBeCloseTo(3 / 5, 6)
    expect(one[vocabulary.idOf('snow')!]).toBeCloseTo(1 / 5, 6)
    expect(two.every((share) => share === 0)).toBe(true)
  })

  it('cost what a softmax over the word memory that the decoder begins with leaves of them', () => {
    const ops = new TensorFlowOps()
    const loss = evaluate(GIVEN, (_, given) =>
      photoWordsLoss(ops, decoder, given, decoder.start(ops, given, given.features!).state, WANTED),
    )
    const said = ops.scope(() => {
      const held = tensorsOf(ops, GIVEN)
      return ops.read(decoder.start(ops, held, held.features!).state.said!)
    })
    const [embedding, bias] = [GIVEN.embedding!.data, GIVEN.bias!.data]
    const { embeddingSize, vocabularySize } = decoder.config
    const scores = Array.from({ length: vocabularySize }, (_, token) =>
      Array.from(
        { length: embeddingSize },
        (_, i) => -said[i]! * embedding[token * embeddingSize + i]!,
      ).reduce((sum, product) => sum + product, bias[token]!),
    )
    const logSum = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0))
    expect(loss).toBeCloseTo(-(0.25 * (scores[4]! - logSum) + 0.75 * (scores[5]! - logSum)) / 2, 5)
  })

  it('are one more part of the loss of teacher forcing, with gradients that central differences confirm', () => {
    const batch = batchOf([
      [
        [
          [3, 4],
          [4, 1],
        ],
      ],
      [
        [
          [3, 5, 6],
          [5, 6, 1],
        ],
      ],
    ])
    const lossOf =
      (weight?: number) => (ops: TensorFlowOps, given: Parameters<typeof teacherForcingLoss>[2]) =>
        teacherForcingLoss(ops, decoder, given, batch, given.features!, {
          ...(weight === undefined ? {} : { photoWords: { weight, wanted: WANTED } }),
        })
    const [without, one, two] = [
      evaluate(GIVEN, lossOf()),
      evaluate(GIVEN, lossOf(1)),
      evaluate(GIVEN, lossOf(2)),
    ]
    expect(one).toBeGreaterThan(without)
    expect(two - without).toBeCloseTo(2 * (one - without), 5)
    expectGradients({ ...GIVEN, ...steepWeights(decoder) }, lossOf(0.7), { directions: 2 })
  })

  it('need the word memory', () => {
    const plain = new Decoder(TINY)
    const [with1, with0] = [1, 0].map((photoWordsWeight) => trainingConfigSchema.parse({ photoWordsWeight }))
    expect(() => checkWordMemory(plain, with1!, 'the weight')).toThrow(
      'Expected a decoder with word memory for the weight but received "one without"',
    )
    checkWordMemory(plain, with0!, 'the weight')
    checkWordMemory(decoder, with1!, 'the weight')
  })
})
