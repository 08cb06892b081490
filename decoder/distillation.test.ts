import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { Vocabulary } from '../data/vocabulary.js'
import { graphShape } from '../encoder/graph-shape.js'
import { backends, tensorCount } from '../engine/fixtures/backends.js'
import { differentiate, expectGradients } from '../engine/fixtures/differences.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import type { Bundle } from './bundle.js'
import { Decoder } from './decoder.js'
import { distillationLoss, Teachers } from './distillation.js'
import { drawnPixels, looseBundle, tinyConfig, VOCABULARY } from './fixtures/captioners.js'
import { smallEncoder } from './fixtures/encoders.js'
import { batchOf, steepWeights, TINY, tinyFeatures } from './fixtures/tiny.js'
import { teacherForcingLoss } from './teacher-forcing.js'
import { wordLogits } from './word-logits.js'

const BATCH = batchOf([
  [
    [
      [3, 4, 5],
      [4, 5, 1],
    ],
    [
      [3, 6],
      [6, 1],
    ],
  ],
  [
    [
      [3, 5],
      [5, 1],
    ],
  ],
])
/** Positions of the batch that have a target. */
const WORDS = 7

describe.each(backends)('the loss by what teachers hold likely on %s', (backend) => {
  const decoder = new Decoder({ ...TINY, wordMemory: true })
  const features = tinyFeatures(decoder, 2)
  const photos = (ops: TensorFlowOps) => ops.input(features.data as Float32Array, features.dims)
  beforeAll(async () => {
    expect(await useBackend(backend)).toBe(backend)
  })

  it('has the gradient that central differences give', () => {
    const taught = Float32Array.from(
      { length: WORDS * TINY.vocabularySize },
      (_, i) => (1 + ((i * 5) % 7)) / 28,
    )
    expectGradients(steepWeights(decoder), (ops, weights) =>
      teacherForcingLoss(ops, decoder, weights, BATCH, photos(ops), {
        distillation: { weight: 0.7, taught: ops.input(taught, [WORDS, TINY.vocabularySize]) },
      }),
    )
  })

  it('is that of the captions where the teacher is sure of their words', () => {
    const targets = [...BATCH.targets].filter((_, position) => BATCH.mask[position] === 1)
    const sure = Float32Array.from({ length: WORDS * TINY.vocabularySize }, (_, i) =>
      Number(targets[Math.floor(i / TINY.vocabularySize)] === i % TINY.vocabularySize),
    )
    const lossWith = (weight: number) =>
      differentiate(steepWeights(decoder), (ops, weights) =>
        teacherForcingLoss(ops, decoder, weights, BATCH, photos(ops), {
          ...(weight === 0
            ? {}
            : { distillation: { weight, taught: ops.input(sure, [WORDS, TINY.vocabularySize]) } }),
        }),
      ).loss
    for (const weight of [0.3, 1]) expect(lossWith(weight)).toBeCloseTo(lossWith(0), 4)
  })

  it('is least, and its gradient 0, where one holds likely what the teacher does', () => {
    const weights = steepWeights(decoder)
    const same = differentiate(weights, (ops, watched) => {
      const { logits } = wordLogits(ops, decoder, watched, BATCH, photos(ops))
      const held = Object.fromEntries(
        Object.entries(weights).map(([name, { data, dims }]) => [
          name,
          ops.input(data as Float32Array, dims),
        ]),
      )
      const taught = ops.softmax(wordLogits(ops, decoder, held, BATCH, photos(ops)).logits)
      return distillationLoss(ops, logits, taught)
    })
    for (const [name, gradient] of Object.entries(same.gradients))
      expect(Math.hypot(...gradient), name).toBeLessThan(1e-4)
  })
})

describe('teachers', () => {
  const folder = temporaryFolder('distillation')
  let bundles: Bundle[]
  beforeAll(async () => {
    await useBackend('cpu')
    const { encoder, weights } = smallEncoder()
    const larger = { ...encoder, imageSize: 32, grid: [8, 8] as const }
    bundles = await Promise.all([
      looseBundle(join(folder, 'one'), encoder, weights, tinyConfig(encoder)),
      looseBundle(join(folder, 'other'), larger, weights, tinyConfig(larger, { cell: 'gru' })),
    ])
  })

  const open = (of: readonly Bundle[]) => Teachers.open(of, 'cpu', expect.unreachable)
  const pixelsAt = async (side: number) => drawnPixels(2, side)
  const tokens = [VOCABULARY.idOf('dog')!, VOCABULARY.idOf('runs')!, VOCABULARY.idOf('a')!]
  const batch = batchOf([[[tokens, [...tokens.slice(1), 1]]], [[tokens.slice(0, 2), [tokens[2]!, 1]]]])
  const words = 5
  const held = async (of: readonly Bundle[]): Promise<Float32Array> => {
    const teachers = await open(of)
    const ops = new TensorFlowOps()
    const taught: Tensor = teachers.probabilities(batch, await teachers.see(pixelsAt, 2))
    expect(taught.shape).toEqual([words, VOCABULARY.size])
    const values = ops.read(taught) as Float32Array
    ops.dispose([taught])
    await teachers.close()
    return values
  }

  it('hold likely the mean of what each does, each seeing photos of its own size, and leave no tensor', async () => {
    const before = tensorCount()
    const [one, other, both] = [await held([bundles[0]!]), await held([bundles[1]!]), await held(bundles)]
    expect(tensorCount()).toBe(before)
    for (const [i, value] of both.entries()) expect(value).toBeCloseTo((one[i]! + other[i]!) / 2, 6)
    for (let word = 0; word < words; word++) {
      const row = both.subarray(word * VOCABULARY.size, (word + 1) * VOCABULARY.size)
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4)
    }
    expect(Math.max(...one.map((value, i) => Math.abs(value - other[i]!)))).toBeGreaterThan(0.02)
  })

  it('leave no tensor and no file where one of them has no weights to see with', async () => {
    await mkdir(join(folder, 'temporary'))
    vi.stubEnv('TMPDIR', join(folder, 'temporary'))
    const before = tensorCount()
    const graph = graphShape({ grid: [2, 2], channels: 3, inputRange: [0, 1] })
    await expect(open([bundles[0]!, { ...bundles[1]!, encoder: graph }])).rejects.toThrow(
      `Expected an encoder with weights for ${bundles[1]!.path} but received "mobilenet-graph"`,
    )
    vi.unstubAllEnvs()
    expect(await readdir(join(folder, 'temporary'))).toEqual([])
    expect(tensorCount()).toBe(before)
  })

  it('have the words of the training, in their order', async () => {
    const teachers = await open(bundles)
    teachers.checkVocabulary(VOCABULARY)
    const { version, styles, words } = JSON.parse(JSON.stringify(VOCABULARY))
    const turned = Vocabulary.fromJSON({ version, styles, words: words.toReversed() })
    expect(() => teachers.checkVocabulary(turned)).toThrow(
      `Expected the ${turned.wordCount} words of this training for ${bundles[0]!.path} but received "others"`,
    )
    await teachers.close()
  })
})
