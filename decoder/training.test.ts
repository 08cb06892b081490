import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { tensorCount } from '../engine/fixtures/backends.js'
import { initialize } from '../engine/initialize.js'
import { useBackend } from '../engine/use-backend.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import {
  CONFIG,
  openTrainings,
  run,
  STEPS,
  TRAIN,
  type Trainings,
  VALIDATION,
  VOCABULARY,
} from './fixtures/trainings.js'
import { StoredFeatures } from './photo-features.js'
import { trainingConfigSchema } from './recipe.js'
import { Training, type TrainingEvent } from './training.js'
import { Validation } from './validation.js'

const folder = temporaryFolder('training')
let trainings: Trainings
beforeAll(() => {
  trainings = openTrainings(folder)
})
afterAll(() => trainings.close())

const trainingIn: Trainings['trainingIn'] = (...given) => trainings.trainingIn(...given)

describe('Training on cpu', () => {
  let undisturbed: TrainingEvent[]
  let weights: Record<string, Float32Array>
  beforeAll(async () => {
    await useBackend('cpu')
    const training = trainingIn('undisturbed')
    undisturbed = await run(training)
    weights = training.weights
  })

  it('reports every step, and the validation loss at the end of an epoch', () => {
    expect(undisturbed.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    for (const { step, totalSteps, loss, gradientNorm, learningRate, validationLoss } of undisturbed) {
      expect(totalSteps).toBe(STEPS)
      expect(loss).toBeGreaterThan(0)
      expect(gradientNorm).toBeGreaterThan(0)
      expect(learningRate).toBeGreaterThan(0)
      expect(validationLoss === undefined).toBe(step % 3 !== 0)
    }
    expect(undisturbed[0]!.learningRate).toBe(0.01)
    expect(undisturbed[0]!.loss).toBeLessThan(1.3 * Math.log(VOCABULARY.size))
    expect(undisturbed[8]!.validationLoss).toBeLessThan(undisturbed[2]!.validationLoss!)
  })

  it('gives the same again, and something else from another seed', async () => {
    expect(await run(trainingIn('again'))).toEqual(undisturbed)
    const other = await run(trainingIn('other', { config: { ...CONFIG, seed: 2 } }), 1)
    expect(other[0]!.loss).not.toBe(undisturbed[0]!.loss)
  })

  it.each([
    ['in the middle of an epoch', 4],
    ['at the end of an epoch', 6],
    ['after the first step', 1],
  ])('goes on bit for bit after a stop %s', async (_, at) => {
    const name = `stopped-${at}`
    expect(await run(trainingIn(name), at)).toEqual(undisturbed.slice(0, at))
    const resumed = trainingIn(name)
    expect(await resumed.resume()).toBe(true)
    expect(resumed.step).toBe(at)
    expect(await run(resumed)).toEqual(undisturbed.slice(at))
    expect(resumed.weights).toEqual(weights)
  })

  it('goes on bit for bit from the last save after dying in between', async () => {
    const dying = trainingIn('died').run(
      ({ step }) => {
        if (step === 6) throw new Error('out of memory')
      },
      undefined,
      2,
    )
    await expect(dying).rejects.toThrow('out of memory')
    const resumed = trainingIn('died')
    expect(await resumed.resume()).toBe(true)
    expect(resumed.step).toBe(4)
    expect(await run(resumed)).toEqual(undisturbed.slice(4))
    expect(resumed.weights).toEqual(weights)
  })

  it('has nothing to do once it is done', async () => {
    const done = trainingIn('undisturbed')
    expect(await done.resume()).toBe(true)
    expect(await run(done)).toEqual([])
    expect(done.weights).toEqual(weights)
  })

  it('starts anew where no state is', async () => {
    const training = trainingIn('nowhere')
    expect(await training.resume()).toBe(false)
    expect(training.step).toBe(0)
  })

  it('refuses the state of other settings or of another decoder, and keeps its own weights', async () => {
    for (const change of [
      { config: { ...CONFIG, learningRate: 0.03 } },
      { config: { ...CONFIG, epochs: 4 } },
      { decoder: { embeddingSize: 5 } },
      { decoder: { attention: 'none' } },
      { decoder: { cell: 'rnn' } },
      // Of weights with the same names and sizes, or with some less.
      { decoder: { attention: 'dot' } },
      { decoder: { cell: 'lstm-peephole' } },
      { decoder: { wordMemory: true } },
    ]) {
      const training = trainingIn('undisturbed', change)
      const before = structuredClone(training.weights)
      await expect(training.resume(), JSON.stringify(change)).rejects.toMatchObject({
        code: 'INVALID_BUNDLE',
      })
      expect(training.weights).toEqual(before)
      expect(training.step).toBe(0)
    }
  })

  it('validates without changing anything', async () => {
    const one = trainingIn('validate')
    const before = structuredClone(one.weights)
    const validated = await one.validate()
    expect(one.weights).toEqual(before)
    expect(await trainingIn('validate again').validate()).toEqual(validated)
    expect(Math.abs(validated.loss - Math.log(VOCABULARY.size))).toBeLessThan(0.5)
    expect(validated.cider).toBeGreaterThanOrEqual(0)
    expect(validated.cider).toBeLessThanOrEqual(10)
  })

  it('measures a step once, whoever asks for it', async () => {
    const measure = vi.spyOn(Validation.prototype, 'measure')
    const training = trainingIn('measured')
    await run(training)
    const { loss, cider } = await training.validate()
    expect(measure).toHaveBeenCalledTimes(3)
    const last = undisturbed.at(-1)!
    expect([loss, cider]).toEqual([last.validationLoss, last.validationCider])
    const resumed = trainingIn('measured')
    await resumed.resume()
    expect(await resumed.validate()).toEqual(await training.validate())
    expect(measure).toHaveBeenCalledTimes(4)
    measure.mockRestore()
  })

  it('refuses features and vocabularies that do not fit the decoder', () => {
    expect(() => trainingIn('wrong', { decoder: { regions: 3 } })).toThrow(
      expect.objectContaining({
        code: 'INVALID_DATA',
        message: `Expected features 3 × 5 for ${trainings.features.path} but received [2, 5]`,
      }),
    )
    expect(() => trainingIn('wrong', { decoder: { vocabularySize: 12 } })).toThrow(
      expect.objectContaining({
        code: 'INVALID_DATA',
        message: `Expected 12 words for the vocabulary but received ${VOCABULARY.size}`,
      }),
    )
  })

  it('refuses a loss of the words of photos without word memory, before its first step', () => {
    const config = { ...CONFIG, photoWordsWeight: 1 }
    expect(() => trainingIn('forgetful', { config })).toThrow(
      'Expected a decoder with word memory for photoWordsWeight but received "one without"',
    )
    trainingIn('forgetful', { config, decoder: { wordMemory: true } })
  })

  it('warms up for a tenth of its steps where nothing else is asked for, and goes on as such', async () => {
    const { warmUpSteps: _, ...rest } = CONFIG
    const config = { ...rest, epochs: 7 }
    const unasked = trainingIn('unasked', { config })
    expect(unasked.config).toEqual({ ...config, warmUpSteps: 2 })
    expect((await run(unasked, 3)).map(({ learningRate }) => learningRate)).toEqual([0.01, 0.02, 0.02])
    expect(await trainingIn('unasked', { config: { ...config, warmUpSteps: 2 } }).resume()).toBe(true)
    const other = trainingIn('unasked', { config: { ...config, warmUpSteps: 3 } })
    await expect(other.resume()).rejects.toThrow('Expected warmUpSteps 2, as it was begun,')
  })

  it.each(['train', 'validation'])('refuses data without photos for %s', (part) => {
    const { decoder } = trainingIn('none')
    const stored = new StoredFeatures(trainings.features)
    const data = { train: TRAIN, validation: VALIDATION, features: stored, [part]: [] }
    expect(() => new Training(decoder, VOCABULARY, data, CONFIG, folder, {})).toThrow(
      expect.objectContaining({
        code: 'INVALID_DATA',
        message: `Expected photos with captions for ${part} but received 0`,
      }),
    )
  })
})

describe('Training on the CIDEr-D of its own captions', () => {
  const config = trainingConfigSchema.parse({
    ...CONFIG,
    objective: 'cider',
    epochs: 30,
    learningRate: 0.05,
    samplesPerImage: 4,
    captionsPerImage: 1,
    crossEntropyWeight: 0,
    dropout: 0,
    averageDecay: 0.5,
  })
  const steps = 90
  const decoder = { units: 16, embeddingSize: 12, regionSize: 16 }
  /** Each photo has one of two captions. */
  const train = TRAIN.map((example, i) => ({
    ...example,
    captions: [i < 4 ? ['dog', 'runs', 'on', 'grass'] : ['grass', 'on', 'cat', 'sits']],
  }))
  let undisturbed: TrainingEvent[]
  beforeAll(async () => {
    await useBackend('cpu')
    undisturbed = await run(trainingIn('rewarded', { config, train, decoder }), steps)
  })

  it('makes the captions that it draws better, and those of the search', () => {
    const mean = (events: readonly TrainingEvent[]) =>
      events.reduce((sum, { reward }) => sum + reward!, 0) / events.length
    expect(undisturbed).toHaveLength(steps)
    expect(mean(undisturbed.slice(-6))).toBeGreaterThan(3 * mean(undisturbed.slice(0, 6)))
    const scores = undisturbed.flatMap(({ validationCider }) => validationCider ?? [])
    expect(scores.at(-1)).toBeGreaterThan(1.5 * scores[0]!)
  })

  it('goes on after an interruption as if there had been none', async () => {
    const first = await run(trainingIn('interrupted-reward', { config, train, decoder }), 5)
    const second = trainingIn('interrupted-reward', { config, train, decoder })
    expect(await second.resume()).toBe(true)
    expect([...first, ...(await run(second, steps))]).toEqual(undisturbed)
  })

  it('keeps the weights that were best on validation', async () => {
    const scores = undisturbed.flatMap(({ step, validationCider, validationLoss }) =>
      validationCider === undefined ? [] : [{ step, cider: validationCider, loss: validationLoss! }],
    )
    expect(scores).toHaveLength(30)
    const top = scores.reduce((one, other) =>
      other.cider > one.cider || (other.cider === one.cider && other.loss < one.loss) ? other : one,
    )
    const again = trainingIn('rewarded', { config, train, decoder })
    await again.resume()
    const { weights: _, ...kept } = again.best()
    expect(kept).toEqual(top)
  })
})

it.each(['cpu', 'wasm'] as const)('training holds no tensor between its steps on %s', async (backend) => {
  await useBackend(backend)
  const before = tensorCount()
  const counts: number[] = []
  await trainingIn(`tensors-${backend}`).run(() => {
    counts.push(tensorCount())
  })
  expect(counts).toEqual(new Array(STEPS).fill(before))
  expect(tensorCount()).toBe(before)
})

it.each([
  ['cross-entropy', 'a finite loss'],
  ['cider', 'log-probabilities'],
] as const)('a step by %s that fails leaves no tensor', async (objective, what) => {
  await useBackend('cpu')
  const { decoder } = trainingIn('none')
  const config = trainingConfigSchema.parse({ ...CONFIG, objective })
  const data = { train: TRAIN, validation: VALIDATION, features: new StoredFeatures(trainings.features) }
  const broken = initialize(decoder.parameters, 1)
  for (const values of Object.values(broken)) values.fill(Number.NaN)
  const training = new Training(decoder, VOCABULARY, data, config, join(folder, 'broken'), broken)
  const before = tensorCount()
  await expect(training.run(() => expect.unreachable())).rejects.toMatchObject({
    code: 'NUMERIC',
    message: expect.stringContaining(`Expected ${what}`),
  })
  expect(tensorCount()).toBe(before)
})

it('a validation that fails leaves no tensor', async () => {
  await useBackend('cpu')
  const training = trainingIn('wild')
  const before = tensorCount()
  for (const values of Object.values(training.weights)) values.fill(Number.NaN)
  await expect(training.validate()).rejects.toMatchObject({ code: 'NUMERIC' })
  expect(tensorCount()).toBe(before)
})
