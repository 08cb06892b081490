import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Example } from '../data/batches.js'
import { Vocabulary } from '../data/vocabulary.js'
import { type Array32, parametersOf } from '../encoder/encoder.js'
import { onnxExtractor } from '../encoder/extractor.js'
import { decodeImage } from '../encoder/image.js'
import { backends, tensorCount } from '../engine/fixtures/backends.js'
import { expectGradients } from '../engine/fixtures/differences.js'
import type { Values } from '../engine/fixtures/values.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { useBackend } from '../engine/use-backend.js'
import { Decoder } from './decoder.js'
import { randomEncoder, TunedFeatures } from './fine-tuning.js'
import { batchOf, steepWeights, TINY } from './fixtures/tiny.js'
import { threeBlocks, threeBlocksWeights, writeColoured } from './fixtures/tuning.js'
import { type TrainingConfig, trainingConfigSchema } from './recipe.js'
import { teacherForcingLoss } from './teacher-forcing.js'
import { Training, type TrainingEvent } from './training.js'

const COLOURS = ['red', 'green', 'blue', 'grey'] as const
const VOCABULARY = Vocabulary.fromJSON({ version: 1, styles: ['plain'], words: [...COLOURS, 'wall'] })
const CONFIG = trainingConfigSchema.parse({
  epochs: 4,
  imagesPerBatch: 5,
  captionsPerImage: 1,
  maxLength: 4,
  learningRate: 0.02,
  warmUpSteps: 2,
  dropout: 0.1,
  fineTuneEncoder: 2,
})
const STEPS = 12

let folder: string
let train: Example[]
let validation: Example[]
let problems: string[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fine-tuning-'))
  const files = await writeColoured(join(folder, 'photos'), 4, COLOURS)
  const captionsOf = (key: string) => [[key.split('-')[0]!, 'wall']]
  const examples = files.map((key) => ({ key, style: 'plain', captions: captionsOf(key) }))
  train = examples.filter(({ key }) => !key.includes('-3'))
  validation = examples.filter(({ key }) => key.includes('-3'))
  await writeFile(join(folder, 'photos/half.png'), 'no photo')
})
afterAll(() => rm(folder, { recursive: true }))

function open(
  blocks: number,
  weights: Record<string, Array32> = threeBlocksWeights(),
): Promise<TunedFeatures> {
  problems = []
  return TunedFeatures.open(threeBlocks, weights, {
    blocks,
    folders: { plain: join(folder, 'photos') },
    backend: 'cpu',
    onFallback: expect.unreachable,
    onProblem: ({ message }) => problems.push(message),
  })
}

const decoderOf = (size = 0) =>
  new Decoder({
    ...TINY,
    ...{ vocabularySize: VOCABULARY.size, regions: 4, channels: 5 },
    ...(size === 0 ? {} : { units: size, embeddingSize: size, regionSize: size }),
  })

/** Runs to the end, or until the step is reached. */
async function run(training: Training, until = Number.POSITIVE_INFINITY): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = []
  const stop = new AbortController()
  await training.run((event) => {
    events.push(event)
    if (event.step === until) stop.abort()
  }, stop.signal)
  return events
}

describe.each(backends)('a loss through decoder and encoder on %s', (backend) => {
  beforeAll(async () => {
    expect(await useBackend(backend)).toBe(backend)
  }, 60_000)

  it.each([1, 2, 3])(
    'has gradients that central differences confirm, of the last %i blocks',
    async (blocks) => {
      const features = await open(blocks)
      const decoder = decoderOf()
      const input = await features.input(train.slice(0, 2))
      const batch = batchOf([
        [
          [
            [3, 4, 5],
            [4, 5, 1],
          ],
        ],
        [
          [
            [3, 6],
            [6, 1],
          ],
        ],
      ])
      const encoderWeights = features.parameters.map(({ name, shape }): [string, Values] => [
        name,
        { dims: shape, data: features.initial[name]! },
      ])
      // The regions of a photo of one colour are much alike, so that where the decoder looks is next to no matter: the
      // gradients of the attention are compared in teacher-forcing.test.ts.
      const of = (attention: boolean) =>
        Object.entries(steepWeights(decoder)).filter(([name]) => name.startsWith('attention.') === attention)
      expectGradients(
        Object.fromEntries([...of(false), ...encoderWeights]),
        (ops, weights) => {
          const looking = of(true).map(([name, { data, dims }]) => [
            name,
            ops.input(data as Float32Array, dims),
          ])
          const seen = features.of(ops, weights, ops.input(Float32Array.from(input.data), input.shape))
          const all = { ...weights, ...Object.fromEntries(looking) }
          return teacherForcingLoss(ops, decoder, all, batch, seen)
        },
        { directions: 2 },
      )
      await features.close()
    },
  )
})

describe('features of an encoder that is trained', () => {
  beforeAll(async () => {
    await useBackend('cpu')
  })

  it.each([1, 2, 3])('are those of the whole encoder, the last %i blocks being trained', async (blocks) => {
    const weights = threeBlocksWeights()
    const features = await open(blocks, weights)
    const whole = await onnxExtractor(threeBlocks, weights)
    const keys = train.map(({ key }) => key)
    const pixels = await Promise.all(keys.map((key) => decodeImage(join(folder, 'photos', key), 12)))
    const truth = await whole.features(Uint8Array.from(pixels.flatMap((of) => [...of])), keys.length)
    const { read, data, shape } = await features.input(train)
    expect(read).toEqual([...keys.keys()])
    const ops = new TensorFlowOps()
    const [before, input] = [tensorCount(), ops.tensor(data, shape)]
    const held = Object.fromEntries(
      features.parameters.map(({ name, shape }) => [name, ops.tensor(features.initial[name]!, shape)]),
    )
    const seen = ops.scope(() => features.of(ops, held, input))
    expect(seen.shape).toEqual([keys.length, 4, 5])
    for (const [i, value] of ops.read(seen).entries()) expect(value).toBeCloseTo(truth[i]!, 4)
    ops.dispose([seen, input, ...Object.values(held)])
    expect(tensorCount()).toBe(before)
    await features.close()
    await whole.dispose()
  })

  it('see each photo otherwise each epoch, the same in the same epoch, half of the times whole', async () => {
    const features = await open(3)
    const photo = train.slice(0, 1)
    const seen = async (epoch: number, seed = 1) =>
      Buffer.from((await features.input(photo, { seed, epoch })).data as Uint8Array).toString('hex')
    const plain = Buffer.from((await features.input(photo)).data as Uint8Array).toString('hex')
    const epochs = await Promise.all(Array.from({ length: 40 }, (_, epoch) => seen(epoch)))
    expect(await seen(7)).toBe(epochs[7])
    expect(await seen(8, 2)).not.toBe(await seen(8, 1))
    const whole = epochs.filter((one) => one === plain).length
    expect(whole).toBeGreaterThan(3)
    // Cuts of 12 pixels are few.
    expect(new Set(epochs).size).toBeGreaterThan(8)
  })

  it('leave out what cannot be read, and say so once', async () => {
    const features = await open(1)
    const photos = [
      train[0]!,
      { key: 'half.png', style: 'plain' },
      { key: 'gone.png', style: 'plain' },
      train[1]!,
    ]
    const { read, shape } = await features.input(photos)
    expect(read).toEqual([0, 3])
    expect(shape[0]).toBe(2)
    await features.input(photos, { seed: 1, epoch: 2 })
    expect(problems).toHaveLength(2)
    for (const name of ['half.png', 'gone.png'])
      expect(problems).toContainEqual(expect.stringContaining(name))
    expect(await features.input([photos[1]!])).toMatchObject({ read: [] })
    await features.close()
  })

  it.each([0, 4])('refuse %i of three blocks', async (blocks) => {
    await expect(open(blocks)).rejects.toThrow(
      `Expected 1 to 3 blocks of three blocks for fineTuneEncoder but received ${blocks}`,
    )
  })
})

describe('Training of the last blocks of an encoder', () => {
  let features: TunedFeatures
  beforeAll(async () => {
    await useBackend('cpu')
    features = await open(2)
  })
  afterAll(() => features.close())

  const trainingIn = (name: string, config: TrainingConfig = CONFIG, data = train, from = features) =>
    new Training(
      decoderOf(),
      VOCABULARY,
      { train: data, validation, features: from },
      config,
      join(folder, name),
    )

  let undisturbed: TrainingEvent[]
  let trained: Record<string, Float32Array>
  it('changes those blocks and no others, and what validation says is of the changed ones', async () => {
    const training = trainingIn('undisturbed')
    undisturbed = await run(training)
    trained = (await training.best()).weights
    expect(undisturbed).toHaveLength(STEPS)
    const before = threeBlocksWeights()
    const after = features.encoderWeights(trained)
    expect(Object.keys(after)).toEqual(Object.keys(before))
    const tuned = parametersOf(threeBlocks.blocks.slice(1)).map(({ name }) => name)
    for (const [name, { shape, data }] of Object.entries(after)) {
      expect(shape).toEqual(before[name]!.shape)
      if (tuned.includes(name)) expect(data, name).not.toEqual(before[name]!.data)
      else expect(data, name).toEqual(before[name]!.data)
    }
    const { loss } = await training.validate()
    expect(loss).toBe(undisturbed.at(-1)!.validationLoss)
  })

  it.each([1, 5, 6])('goes on bit for bit after a stop at step %i', async (at) => {
    const name = `stopped-${at}`
    const first = await run(trainingIn(name), at)
    const again = await open(2)
    const resumed = trainingIn(name, CONFIG, train, again)
    expect(await resumed.resume()).toBe(true)
    expect([...first, ...(await run(resumed))]).toEqual(undisturbed)
    expect((await resumed.best()).weights).toEqual(trained)
    await again.close()
  })

  it('does not go on with a state of other blocks', async () => {
    const other = await open(1)
    const config = { ...CONFIG, fineTuneEncoder: 1 }
    await expect(trainingIn('undisturbed', config, train, other).resume()).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
    })
    await other.close()
  })

  it('has a learning rate of its own for them', async () => {
    const training = trainingIn('slow', { ...CONFIG, encoderLearningRate: 1e-9 })
    await run(training)
    const moved = (name: string, from: Float32Array): number =>
      Math.max(...from.map((value, i) => Math.abs(value - training.weights[name]![i]!)))
    for (const { name } of features.parameters)
      expect(moved(name, features.initial[name]!)).toBeLessThan(1e-6)
  })

  it('leaves out photos that cannot be read', async () => {
    const strange = [...train, { key: 'half.png', style: 'plain', captions: [['grey', 'wall']] }]
    const events = await run(trainingIn('strange', CONFIG, strange))
    expect(events.every(({ loss }) => Number.isFinite(loss))).toBe(true)
    // Also where it has a batch of its own.
    expect(await run(trainingIn('single', { ...CONFIG, imagesPerBatch: 1 }, strange))).toHaveLength(52)
    const nothing = trainingIn('nothing', CONFIG, [strange.at(-1)!])
    await expect(run(nothing)).rejects.toThrow('Expected a photo that can be read for step 1')
  })

  it('ends where no photo to validate with can be read', async () => {
    const half = [{ key: 'half.png', style: 'plain', captions: [['grey', 'wall']] }]
    const data = { train, validation: half, features }
    const training = new Training(decoderOf(), VOCABULARY, data, CONFIG, join(folder, 'unseen'))
    await expect(run(training)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: 'Expected a photo that can be read for validation but received "none"',
    })
  })

  it('trains on the CIDEr-D of samples too', async () => {
    const config = { ...CONFIG, objective: 'cider', samplesPerImage: 3, epochs: 2 } as const
    const training = trainingIn('rewarded', config)
    const events = await run(training)
    expect(events.every(({ reward }) => reward !== undefined)).toBe(true)
    expect(training.weights['encoder.head.filter']).not.toEqual(features.initial['encoder.head.filter'])
  })

  it('holds no tensor between its steps', async () => {
    const before = tensorCount()
    const counts: number[] = []
    await trainingIn('tensors').run(() => {
      counts.push(tensorCount())
    })
    expect(counts).toEqual(new Array(STEPS).fill(before))
  })
})

describe('Training of a whole encoder', () => {
  it('learns from nothing to tell colours', async () => {
    await useBackend('cpu')
    const features = await open(3, randomEncoder(threeBlocks, 1))
    const config = trainingConfigSchema.parse({
      ...CONFIG,
      ...{ fineTuneEncoder: 3, epochs: 40, dropout: 0, labelSmoothing: 0, averageDecay: 0.5 },
    })
    const data = { train, validation, features }
    const training = new Training(decoderOf(12), VOCABULARY, data, config, join(folder, 'whole'))
    const events = await run(training)
    expect(events[0]!.loss).toBeGreaterThan(1.5)
    expect(events.at(-1)!.validationLoss).toBeLessThan(0.2)
    await features.close()
  })
})
