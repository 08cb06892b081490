import { beforeAll, describe, expect, it } from 'vitest'
import { Vocabulary } from '../data/vocabulary.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { adaptedVocabulary, adaptedWeights } from './adaptation.js'
import { Decoder } from './decoder.js'
import { TINY, tinyFeatures, tinyWeights } from './fixtures/tiny.js'

const KNOWN = Vocabulary.fromJSON({
  version: 1,
  styles: ['coco', 'flickr8k'],
  words: ['dog', 'runs', 'cat'],
})
const CAPTIONS = [
  ['kitten', 'runs', 'home'],
  ['home', 'dog', 'kitten'],
  ['home', 'alone'],
]
const textsOf = (vocabulary: Vocabulary): string[] =>
  Array.from({ length: vocabulary.size }, (_, id) => vocabulary.word(id))

describe('adaptedVocabulary', () => {
  it('appends new styles and the words that are frequent enough, the most frequent first', () => {
    const options = { minimumCount: 2, styles: ['flickr8k', 'mine'] }
    expect(textsOf(adaptedVocabulary(KNOWN, CAPTIONS, options))).toEqual([
      ...['<pad>', '<end>', '<unk>', '<start:coco>', '<start:flickr8k>', '<start:mine>'],
      ...['dog', 'runs', 'cat', 'home', 'kitten'],
    ])
  })

  it('is the same where nothing is new', () => {
    const same = adaptedVocabulary(KNOWN, [['dog', 'runs']], { minimumCount: 1, styles: ['coco'] })
    expect(same.toJSON()).toEqual(KNOWN.toJSON())
  })
})

describe('adaptedWeights', () => {
  const adapted = adaptedVocabulary(KNOWN, CAPTIONS, { minimumCount: 2, styles: ['mine'] })
  const before = new Decoder({ ...TINY, vocabularySize: KNOWN.size, wordMemory: true })
  const after = new Decoder({ ...before.config, vocabularySize: adapted.size })
  const weights = Object.fromEntries(
    Object.entries(tinyWeights(before)).map(([name, { data }]) => [name, data as Float32Array]),
  )
  const moved = adaptedWeights(weights, KNOWN, adapted)
  beforeAll(async () => {
    await useBackend('cpu')
  })

  /** Log-probabilities of each word after a style's start token and two words. */
  function logProbs(
    decoder: Decoder,
    values: Readonly<Record<string, Float32Array>>,
    vocabulary: Vocabulary,
    style: string,
  ): number[] {
    const ops = new TensorFlowOps()
    const said = ops.scope(() => {
      const held = Object.fromEntries(
        decoder.parameters.map(({ name, shape }) => [name, ops.input(values[name]!, shape)]),
      )
      const { data, dims } = tinyFeatures(decoder, 1)
      let { memory, state } = decoder.start(ops, held, ops.input(data as Float32Array, dims))
      let last = held.embedding!
      for (const token of [vocabulary.startOf(style), ...vocabulary.encode(['cat', 'runs'])]) {
        const step = decoder.step(ops, held, ops.input(Int32Array.of(token), [1, 1]), memory, state)
        state = step.state
        last = step.logProbs
      }
      return last
    })
    const numbers = [...ops.read(said)]
    ops.dispose([said])
    return numbers
  }

  it.each(['coco', 'flickr8k'])(
    'leaves what the decoder says in the style %s, but for the share of new words',
    (style) => {
      const old = logProbs(before, weights, KNOWN, style)
      const now = logProbs(after, moved, adapted, style)
      const isNew = (id: number): boolean => !textsOf(KNOWN).includes(adapted.word(id))
      const share = now.reduce((sum, value, id) => sum + (isNew(id) ? Math.exp(value) : 0), 0)
      expect(share).toBeGreaterThan(0.05)
      for (const [id, text] of textsOf(KNOWN).entries())
        expect(now[textsOf(adapted).indexOf(text)], text).toBeCloseTo(old[id]! + Math.log(1 - share), 5)
    },
  )

  it('gives new words the mean of the words, a new style the mean of the start tokens', () => {
    const width = TINY.embeddingSize
    const row = (values: Float32Array, id: number): number[] => [
      ...values.subarray(id * width, (id + 1) * width),
    ]
    const mean = (ids: number[]): number[] =>
      row(weights.embedding!, 0).map(
        (_, i) => ids.reduce((sum, id) => sum + row(weights.embedding!, id)[i]!, 0) / ids.length,
      )
    const close = (found: number[], truth: number[]): void => {
      for (const [i, value] of truth.entries()) expect(found[i]).toBeCloseTo(value, 5)
    }
    close(row(moved.embedding!, adapted.startOf('mine')), mean([3, 4]))
    close(row(moved.embedding!, adapted.idOf('kitten')!), mean([5, 6, 7]))
    expect(moved.bias![adapted.idOf('home')!]).toBeCloseTo(
      (weights.bias![5]! + weights.bias![6]! + weights.bias![7]!) / 3,
      5,
    )
  })

  it('changes nothing where the vocabulary stays', () => {
    expect(adaptedWeights(weights, KNOWN, KNOWN)).toEqual(weights)
  })
})
