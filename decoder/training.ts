import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type Batch, type Example, makeBatch } from '../data/batches.js'
import { isContentWord } from '../data/function-words.js'
import type { Vocabulary } from '../data/vocabulary.js'
import type { Parameter } from '../engine/ops.js'
import { AdamW } from '../engine/optimiser.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import type { StepEvent } from '../engine/training-state.js'
import { expected } from '../errors.js'
import { Random } from '../random.js'
import { type Best, Checkpoint } from './checkpoint.js'
import type { Decoder } from './decoder.js'
import type { PhotoFeatures } from './photo-features.js'
import { checkWordMemory, photoWords } from './photo-words.js'
import { type SettledConfig, settled, type TrainingConfig } from './recipe.js'
import { Schedule, type StepPhotos } from './schedule.js'
import { Sampler } from './self-critical.js'
import { type LossOptions, teacherForcingLoss } from './teacher-forcing.js'
import { type Measured, Validation } from './validation.js'

/**
 * What happened at a step, nats a word: the loss is with label smoothing, and for the objective cider a number whose size
 * says nothing; validation is at the end of an epoch.
 */
export interface TrainingEvent extends StepEvent {
  /** Mean CIDEr-D of the samples, 0 to 10, for the objective cider. */
  readonly reward?: number
  /** CIDEr-D, 0 to 10, of captions of the validation photos, averaged weights, the search as it serves. */
  readonly validationCider?: number
}

export interface TrainingData {
  readonly train: readonly Example[]
  readonly validation: readonly Example[]
  readonly features: PhotoFeatures
}

/** What one step learns from. */
interface Lesson {
  readonly batch: Batch
  /** See `teacherForcingLoss`. */
  readonly weights?: Float32Array
  readonly reward?: number
}

/** Where, in the folder of a training, its states are. */
const STATES = 'training'

/**
 * Trains a decoder, and of the encoder what `data.features` lists as parameters, by teacher forcing or on the CIDEr-D of
 * captions that the decoder draws itself. The state is in `folder/training`; a training that finds one there goes on with
 * it, and gives the same losses as one that never stopped.
 */
export class Training {
  /** The recipe, with the warm-up that it has for its steps. */
  readonly config: SettledConfig
  private readonly ops = new TensorFlowOps()
  private readonly parameters: readonly Parameter[]
  private readonly optimiser: AdamW
  private readonly validation: Validation
  private readonly checkpoint: Checkpoint
  private readonly sampler: Sampler | undefined
  private kept: Pick<Measured, 'cider' | 'loss'> = {
    cider: Number.NEGATIVE_INFINITY,
    loss: Number.POSITIVE_INFINITY,
  }
  private readonly schedule: Schedule
  private readonly content: Uint8Array

  /** Whether a training has begun in a folder: one that goes on there begins with its state. */
  static isBegun(folder: string): boolean {
    return Checkpoint.isIn(join(folder, STATES))
  }

  constructor(
    readonly decoder: Decoder,
    readonly vocabulary: Vocabulary,
    readonly data: TrainingData,
    recipe: TrainingConfig,
    folder: string,
    /** The decoder's weights to begin with. */
    initial: Readonly<Record<string, Float32Array>>,
    /** What else a saved state has to agree with. */
    setting: Readonly<Record<string, unknown>> = {},
  ) {
    checkFits(decoder, vocabulary, data, recipe)
    const { ops } = this
    const { features } = data
    this.schedule = new Schedule(data.train, features, recipe)
    const config = settled(recipe, this.totalSteps)
    this.config = config
    this.checkpoint = new Checkpoint(join(folder, STATES), {
      ...config,
      decoder: decoder.config,
      encoder: features.weightsSum,
      ...(features.teachers === undefined ? {} : { teachers: features.teachers.sum }),
      ...setting,
    })
    this.validation = new Validation(ops, decoder, vocabulary, data.validation, features, config)
    this.sampler =
      config.objective === 'cider' ? new Sampler(ops, decoder, vocabulary, data.train, config) : undefined
    this.content = vocabulary.wordsThat(isContentWord)
    this.parameters = [...decoder.parameters, ...features.parameters]
    const { learningRate, encoderLearningRate } = config
    this.optimiser = new AdamW(
      { ...config, totalSteps: this.totalSteps, betas: [0.9, 0.98] },
      // Changed in place from here on.
      structuredClone({ ...initial, ...features.initial }),
      this.parameters,
      (name) => (name.startsWith('encoder.') ? (encoderLearningRate ?? learningRate) / learningRate : 1),
    )
  }

  get step(): number {
    return this.optimiser.step
  }

  get totalSteps(): number {
    return this.schedule.totalSteps
  }

  /** The averaged weights: what is validated and served. */
  get weights(): Record<string, Float32Array> {
    return this.optimiser.averages
  }

  /** The averaged weights of the epoch whose captions were best on validation, of equal ones that of the lower loss. */
  async best(): Promise<Best> {
    const best = await this.checkpoint.readBest()
    if (best === undefined) throw expected('an epoch that has ended', 'the training', `step ${this.step}`)
    return best
  }

  /** Trains to the end, or to the step at which `signal` is raised; saves every `saveEvery` steps and when it stops. */
  async run(
    report: (event: TrainingEvent) => void | Promise<void>,
    signal?: AbortSignal,
    saveEvery = 200,
  ): Promise<void> {
    for await (const photos of this.schedule.from(this.step)) {
      if (signal?.aborted) break
      const event = await this.advance(photos)
      const ends = this.step % this.schedule.stepsAnEpoch === 0
      await report(ends ? { ...event, ...(await this.validated()) } : event)
      if (ends || this.step % saveEvery === 0) await this.checkpoint.save(this.optimiser)
      // Lets signals and output through between two steps.
      await setImmediate()
    }
    await this.checkpoint.save(this.optimiser)
  }

  /** One step of the optimiser. */
  private async advance({
    epoch,
    indices,
    input: { data, shape, taught },
  }: StepPhotos): Promise<TrainingEvent> {
    const { config, step, ops } = this
    const { features } = this.data
    const input = ops.tensor(data, shape)
    const weights = this.tensors(this.optimiser.weights)
    const held = [input, ...Object.values(weights)]
    try {
      const { batch, weights: shares, reward } = await this.lesson(weights, indices, input, epoch)
      const { learningRate } = this.optimiser
      const labelSmoothing = shares === undefined ? config.labelSmoothing : 0
      const { distillationWeight: weight } = config
      const distillation =
        taught === undefined ? undefined : { weight, taught: features.teachers!.probabilities(batch, taught) }
      if (distillation !== undefined) held.push(distillation.taught)
      const { loss, gradients } = ops.gradients(weights, (watched) => {
        const seen = features.of(ops, watched, input)
        return teacherForcingLoss(ops, this.decoder, watched, batch, seen, {
          regularisation: { ...config, labelSmoothing, step },
          shares,
          distillation,
          ...this.termsOf(indices),
        })
      })
      const gradientNorm = this.optimiser.update(gradients)
      return {
        step: this.step,
        totalSteps: this.totalSteps,
        loss,
        ...(reward === undefined ? {} : { reward }),
        gradientNorm,
        learningRate,
      }
    } finally {
      ops.dispose(held)
    }
  }

  private async lesson(
    weights: Readonly<Record<string, Tensor>>,
    indices: readonly number[],
    input: Tensor,
    epoch: number,
  ): Promise<Lesson> {
    const { ops, sampler } = this
    const { train, features } = this.data
    if (sampler === undefined)
      return { batch: makeBatch(train, indices, this.vocabulary, this.schedule.batchOptions(epoch)) }
    const seen = ops.scope(() => features.of(ops, weights, input))
    const random = new Random(this.config.seed, 'samples', this.step)
    const examples = indices.map((index) => train[index]!)
    try {
      return await sampler.lesson(weights, examples, seen, random)
    } finally {
      ops.dispose([seen])
    }
  }

  /** What else than captions the loss of these photos is made of. */
  private termsOf(indices: readonly number[]): Pick<LossOptions, 'photoWords' | 'repetition'> {
    const { photoWordsWeight, repetitionWeight } = this.config
    const photos = indices.map((index) => this.data.train[index]!)
    return {
      photoWords:
        photoWordsWeight === 0
          ? undefined
          : { weight: photoWordsWeight, wanted: photoWords(photos, this.vocabulary) },
      repetition: repetitionWeight === 0 ? undefined : { weight: repetitionWeight, content: this.content },
    }
  }

  /** The averaged weights on validation: nats a word, and CIDEr-D of the captions that the search finds. */
  async validate(): Promise<Measured> {
    const weights = this.tensors(this.weights)
    try {
      return await this.validation.measure(weights)
    } finally {
      this.ops.dispose(Object.values(weights))
    }
  }

  /** At the end of an epoch; the best weights so far are kept. */
  private async validated(): Promise<Pick<TrainingEvent, 'validationLoss' | 'validationCider'>> {
    const { loss, cider } = await this.validate()
    // Of one photo CIDEr-D is 0 whatever is said of it, of a few it is the same in many epochs.
    if (cider > this.kept.cider || (cider === this.kept.cider && loss < this.kept.loss)) {
      this.kept = { cider, loss }
      await this.checkpoint.saveBest({ weights: this.weights, step: this.step, cider, loss })
    }
    return { validationLoss: loss, validationCider: cider }
  }

  private tensors(values: Readonly<Record<string, Float32Array>>): Record<string, Tensor> {
    return this.ops.tensors(this.parameters, (name) => values[name]!)
  }

  /**
   * Goes on from a saved state.
   * @returns false where there is none.
   * @throws ShowtellError INVALID_BUNDLE for a state of another training.
   */
  async resume(): Promise<boolean> {
    if (!(await this.checkpoint.restore(this.optimiser))) return false
    const best = await this.checkpoint.readBest()
    // A kill between the two files leaves a best of a step that is done again, and is best again.
    if (best !== undefined && best.step <= this.step) this.kept = { cider: best.cider, loss: best.loss }
    return true
  }
}

/** @throws ShowtellError where a training cannot be of these, before anything is made. */
function checkFits(
  decoder: Decoder,
  vocabulary: Vocabulary,
  data: TrainingData,
  recipe: TrainingConfig,
): void {
  const { config } = decoder
  const { source, regions, channels, teachers } = data.features
  if (regions !== config.regions || channels !== config.channels)
    throw expected(
      `features ${config.regions} × ${config.channels}`,
      source,
      [regions, channels],
      'INVALID_DATA',
    )
  if (config.vocabularySize !== vocabulary.size)
    throw expected(`${config.vocabularySize} words`, 'the vocabulary', vocabulary.size, 'INVALID_DATA')
  for (const part of ['train', 'validation'] as const)
    if (data[part].length === 0) throw expected('photos with captions', part, 0, 'INVALID_DATA')
  teachers?.checkVocabulary(vocabulary)
  if (teachers !== undefined && recipe.objective === 'cider')
    throw expected('cross-entropy, to learn from teachers,', 'objective', recipe.objective)
  checkWordMemory(decoder, recipe, 'photoWordsWeight')
}
