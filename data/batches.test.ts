import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import { batchesOfEpoch, type Example, inBatches, makeBatch } from './batches.js'
import { Vocabulary } from './vocabulary.js'

const alphabet = ['a', 'b', 'c', 'd']
const vocabulary = Vocabulary.build([alphabet], { minimumCount: 1, styles: ['coco', 'own'] })
const caption = fc.array(fc.constantFrom(...alphabet, 'rare'), { minLength: 1, maxLength: 9 })
const anyExamples = fc
  .array(
    fc.record({
      style: fc.constantFrom('coco', 'own'),
      captions: fc.array(caption, { minLength: 1, maxLength: 7 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((list): Example[] => list.map((example, index) => ({ ...example, key: `photo ${index}` })))

/** The first epoch of a seed. */
const first = { captionsPerImage: 5, maxLength: 20, seed: 1, epoch: 0 }

describe('makeBatch', () => {
  it('feeds start and words, asks for words and end, masks what is missing', () => {
    const examples: Example[] = [
      { key: 'one', style: 'own', captions: [['a', 'b'], ['c']] },
      { key: 'two', style: 'coco', captions: [['d', 'rare', 'a']] },
    ]
    const batch = makeBatch(examples, [1, 0], vocabulary, first)
    // pad 0, end 1, unknown 2, start coco 3, start own 4, a 5, b 6, c 7, d 8
    expect(batch).toEqual({
      images: 2,
      hypotheses: 2,
      length: 4,
      tokens: Int32Array.of(3, 8, 2, 5, 0, 0, 0, 0, 4, 5, 6, 0, 4, 7, 0, 0),
      targets: Int32Array.of(8, 2, 5, 1, 0, 0, 0, 0, 5, 6, 1, 0, 7, 1, 0, 0),
      mask: Float32Array.of(1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0),
    })
  })

  it('cuts a caption that is too long and gives it no end', () => {
    const examples: Example[] = [
      { key: 'one', style: 'coco', captions: [['a', 'b', 'c'], ['a', 'b'], ['a']] },
    ]
    const batch = makeBatch(examples, [0], vocabulary, { ...first, maxLength: 2 })
    expect(batch.length).toBe(3)
    expect([...batch.tokens]).toEqual([3, 5, 0, 3, 5, 6, 3, 5, 0])
    expect([...batch.targets]).toEqual([5, 6, 0, 5, 6, 1, 5, 1, 0])
    expect([...batch.mask]).toEqual([1, 1, 0, 1, 1, 1, 1, 1, 0])
  })

  it('holds the captions of its photos and nothing else, as many as asked for', () => {
    fc.assert(
      fc.property(anyExamples, fc.nat(5), fc.integer({ min: 1, max: 6 }), (examples, epoch, most) => {
        const indices = examples.map((_, index) => index)
        const options = { ...first, seed: 3, epoch, captionsPerImage: most }
        const batch = makeBatch(examples, indices, vocabulary, options)
        expect(makeBatch(examples, indices, vocabulary, options)).toEqual(batch)
        for (const [image, { captions, style }] of examples.entries()) {
          const left = captions.map((words) => [...vocabulary.encode(words)].join())
          let rows = 0
          for (let hypothesis = 0; hypothesis < batch.hypotheses; hypothesis++) {
            const from = (image * batch.hypotheses + hypothesis) * batch.length
            const counted = batch.mask.subarray(from, from + batch.length).reduce((sum, one) => sum + one, 0)
            const targets = [...batch.targets.subarray(from, from + counted)]
            if (counted === 0) continue
            rows++
            expect(batch.tokens[from]).toBe(vocabulary.startOf(style))
            expect(targets.at(-1)).toBe(vocabulary.end)
            expect([...batch.tokens.subarray(from + 1, from + counted)]).toEqual(targets.slice(0, -1))
            const found = left.indexOf(targets.slice(0, -1).join())
            expect(found).toBeGreaterThanOrEqual(0)
            left.splice(found, 1)
          }
          expect(rows).toBe(Math.min(captions.length, most))
        }
      }),
    )
  })

  it('draws other captions in another epoch where a photo has more than enough', () => {
    const captions = Array.from({ length: 30 }, (_, i) => Array<string>(i + 1).fill('a'))
    const examples: Example[] = [{ key: 'one', style: 'coco', captions }]
    const options = { ...first, maxLength: 50 }
    const one = makeBatch(examples, [0], vocabulary, options)
    const other = makeBatch(examples, [0], vocabulary, { ...options, epoch: 1 })
    expect(one.hypotheses).toBe(5)
    expect(one.mask).not.toEqual(other.mask)
  })

  it('refuses captions without words', () => {
    const examples: Example[] = [{ key: 'one', style: 'coco', captions: [['a'], []] }]
    expect(() => makeBatch(examples, [0], vocabulary, first)).toThrow('Expected captions with words for one')
  })
})

describe('batchesOfEpoch', () => {
  it('covers every photo exactly once, in full batches but one, and is a function of seed and epoch', () => {
    const size = fc.integer({ min: 1, max: 7 })
    fc.assert(
      fc.property(anyExamples, size, fc.nat(9), (examples, imagesPerBatch, epoch) => {
        const options = { ...first, imagesPerBatch, seed: 5, epoch }
        const batches = batchesOfEpoch(examples, options)
        expect(batches.flat().sort((a, b) => a - b)).toEqual(examples.map((_, index) => index))
        expect(batches.filter((batch) => batch.length < imagesPerBatch).length).toBeLessThanOrEqual(1)
        expect(batchesOfEpoch(examples, options)).toEqual(batches)
      }),
    )
  })

  const lengths = Array.from({ length: 64 * 10 }, (_, i) => 1 + ((i * 7919) % 30))
  const examples = lengths.map(
    (length, i): Example => ({ key: `${i}`, style: 'coco', captions: [Array<string>(length).fill('a')] }),
  )
  const options = { ...first, imagesPerBatch: 10 }
  const paddedSteps = (batches: number[][]) =>
    batches.reduce((sum, batch) => sum + Math.max(...batch.map((index) => lengths[index]!)) * batch.length, 0)

  it('wastes less padding than batches of shuffled photos, and keeps the order of the batches random', () => {
    const grouped = batchesOfEpoch(examples, options)
    const plain = inBatches(new Random(1).shuffle([...examples.keys()]), options.imagesPerBatch)
    expect(paddedSteps(grouped)).toBeLessThan(0.75 * paddedSteps(plain))
    const longest = grouped.map((batch) => Math.max(...batch.map((index) => lengths[index]!)))
    expect(longest).not.toEqual([...longest].sort((a, b) => a - b))
  })

  it('gives another order in another epoch and for another seed', () => {
    const batches = batchesOfEpoch(examples, options)
    expect(batchesOfEpoch(examples, { ...options, epoch: 1 })).not.toEqual(batches)
    expect(batchesOfEpoch(examples, { ...options, seed: 2 })).not.toEqual(batches)
  })
})
