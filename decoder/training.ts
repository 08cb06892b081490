import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type Batch, makeBatch } from '../data/batches.js'
import { isContentWord } from '../data/function-words.js'
import type { Vocabulary } from '../data/vocabulary.js'
import type { Parameter } from '../engine/ops.js'
import { AdamW } from '../engine/optimiser.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { restoreState, type StepEvent, saveState } from '../engine/training-state.js'
import { expected } from '../errors.js'
import { Random } from '../random.js'
import type { Decoder } from './decoder.js'
import { photoWords } from './photo-words.js'
import { type SettledConfig, settled, type TrainingConfig } from './recipe.js'
import { Schedule, type StepPhotos } from './schedule.js'
import { Sampler } from './self-critical.js'
import { type LossOptions, teacherForcingLoss } from './teacher-forcing.js'
import { checkFits, type TrainingData } from './training-data.js'
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

/** The averaged weights that were best on validation. */
export interface Best extends Pick<Measured, 'cider' | 'loss'> {
  readonly weights: Readonly<Record<string, Float32Array>>
  readonly step: number
}

/** What one step learns from. */
interface Lesson {
  readonly batch: Batch
  /** See `teacherForcingLoss`. */
  readonly weights?: Float32Array
  readonly reward?: number
}

/** Where, in the folder of a training, its state is. */
const STATE = join('training', 'state.safetensors')

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
  private readonly sampler: Sampler | undefined
  private kept: Best
  /** What was measured last, and after which step. */
  private last: { readonly step: number; readonly measured: Measured } | undefined
  private readonly state: string
  /** What a saved state has to agree with. */
  private readonly setting: Readonly<Record<string, unknown>>
  private readonly schedule: Schedule
  private readonly content: Uint8Array

  /** Whether a training has begun in a folder: one that goes on there begins with its state. */
  static isBegun(folder: string): boolean {
    return existsSync(join(folder, STATE))
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
    this.state = join(folder, STATE)
    this.setting = {
      ...config,
      decoder: decoder.config,
      encoder: features.weightsSum,
      ...(features.teachers === undefined ? {} : { teachers: features.teachers.sum }),
      ...setting,
    }
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
    const none = { step: 0, cider: Number.NEGATIVE_INFINITY, loss: Number.POSITIVE_INFINITY }
    this.kept = { ...none, weights: structuredClone(this.weights) }
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
  best(): Best {
    if (this.kept.step === 0) throw expected('an epoch that has ended', 'the training', `step ${this.step}`)
    return this.kept
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
      if (ends || this.step % saveEvery === 0) await this.save()
      // Lets signals and output through between two steps.
      await setImmediate()
    }
    await this.save()
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

  /** The averaged weights on validation, measured once a step: nats a word, and CIDEr-D of the captions that the search finds. */
  async validate(): Promise<Measured> {
    const { step } = this
    if (this.last?.step === step) return this.last.measured
    const weights = this.tensors(this.weights)
    try {
      const measured = await this.validation.measure(weights)
      this.last = { step, measured }
      return measured
    } finally {
      this.ops.dispose(Object.values(weights))
    }
  }

  /** At the end of an epoch; the best weights so far are kept. */
  private async validated(): Promise<Pick<TrainingEvent, 'validationLoss' | 'validationCider'>> {
    const { loss, cider } = await this.validate()
    // Of one photo CIDEr-D is 0 whatever is said of it, of a few it is the same in many epochs.
    if (cider > this.kept.cider || (cider === this.kept.cider && loss < this.kept.loss))
      this.kept = { weights: structuredClone(this.weights), step: this.step, cider, loss }
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
    const file = await restoreState(this.state, this.optimiser, this.setting)
    if (file === undefined) return false
    const weights = this.parameters.map(({ name }) => [name, file.float32(`best.${name}`).data])
    const [step, cider, loss] = file.metadata.best!.split(' ').map(Number) as [number, number, number]
    this.kept = { weights: Object.fromEntries(weights), step, cider, loss }
    return true
  }

  private async save(): Promise<void> {
    const { weights, step, cider, loss } = this.kept
    const best = Object.entries(weights).map(([name, values]) => [`best.${name}`, values])
    const notes = { best: [step, cider, loss].join(' ') }
    await saveState(this.state, this.optimiser, this.setting, Object.fromEntries(best), notes)
  }
}
