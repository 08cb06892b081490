import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Example } from '../data/batches.js'
import { parametersOf, randomEncoder } from '../encoder/encoder.js'
import { tensorCount } from '../engine/fixtures/backends.js'
import { useBackend } from '../engine/use-backend.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { initialWeights } from './class-directions.js'
import type { TunedFeatures } from './fine-tuning.js'
import { type ColouredPhotos, colourDecoder, colouredPhotos, VOCABULARY } from './fixtures/coloured-photos.js'
import { run } from './fixtures/trainings.js'
import { threeBlocks, threeBlocksWeights } from './fixtures/tuning.js'
import { type TrainingConfig, trainingConfigSchema } from './recipe.js'
import { Training, type TrainingEvent } from './training.js'
import type { TrainingData } from './training-data.js'

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

const folder = temporaryFolder('fine-tuned-training')
let photos: ColouredPhotos
let train: Example[]
let validation: Example[]
beforeAll(async () => {
  photos = await colouredPhotos(folder)
  ;({ train, validation } = photos)
})

/** A training of a decoder of colours, from random weights. */
function trainingOf(
  name: string,
  config: TrainingConfig,
  data: Pick<TrainingData, 'train' | 'features'> & Partial<TrainingData>,
  size?: number,
): Training {
  const decoder = colourDecoder(size)
  const initial = initialWeights(decoder, config.seed, undefined)
  return new Training(decoder, VOCABULARY, { validation, ...data }, config, join(folder, name), initial)
}

describe('Training of the last blocks of an encoder', () => {
  let features: TunedFeatures
  beforeAll(async () => {
    await useBackend('cpu')
    features = await photos.open(2)
  })
  afterAll(() => features.close())

  const trainingIn = (name: string, config: TrainingConfig = CONFIG, data = train, from = features) =>
    trainingOf(name, config, { train: data, features: from })

  let undisturbed: TrainingEvent[]
  let trained: Record<string, Float32Array>
  it('changes those blocks and no others, and what validation says is of the changed ones', async () => {
    const training = trainingIn('undisturbed')
    undisturbed = await run(training)
    trained = training.best().weights
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
    const again = await photos.open(2)
    const resumed = trainingIn(name, CONFIG, train, again)
    expect(await resumed.resume()).toBe(true)
    expect([...first, ...(await run(resumed))]).toEqual(undisturbed)
    expect(resumed.best().weights).toEqual(trained)
    await again.close()
  })

  it('does not go on with a state of other blocks', async () => {
    const other = await photos.open(1)
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
    const training = trainingOf('unseen', CONFIG, { train, validation: half, features })
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
    const features = await photos.open(3, randomEncoder(threeBlocks, 1))
    const config = trainingConfigSchema.parse({
      ...CONFIG,
      ...{ fineTuneEncoder: 3, epochs: 40, dropout: 0, labelSmoothing: 0, averageDecay: 0.5 },
    })
    const training = trainingOf('whole', config, { train, features }, 12)
    const events = await run(training)
    expect(events[0]!.loss).toBeGreaterThan(1.5)
    expect(events.at(-1)!.validationLoss).toBeLessThan(0.2)
    await features.close()
  })
})
