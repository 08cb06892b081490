import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { batchesOfEpoch, type Example, makeBatch } from '../data/batches.js'
import type { FeatureStore } from '../data/feature-store.js'
import type { Vocabulary } from '../data/vocabulary.js'
import { viewKey } from '../encoder/view.js'
import { initialize } from '../engine/initialize.js'
import { readSafetensors, writeSafetensors } from '../engine/safetensors.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { expected } from '../errors.js'
import { Random } from '../random.js'
import type { Decoder } from './decoder.js'
import { AdamW } from './optimiser.js'
import { teacherForcingLoss } from './teacher-forcing.js'

/** The recipe; every field has the default that the shipped bundle was trained with. */
export const trainingConfigSchema = z.strictObject({
  epochs: z.int().min(1).default(7),
  imagesPerBatch: z.int().min(1).default(52),
  captionsPerImage: z.int().min(1).default(5),
  maxLength: z.int().min(2).default(16),
  learningRate: z.number().positive().default(9e-4),
  warmUpSteps: z.int().min(0).default(100),
  weightDecay: z.number().min(0).default(0.01),
  clipNorm: z.number().positive().default(2),
  averageDecay: z.number().min(0).lt(1).default(0.998),
  dropout: z.number().min(0).lt(1).default(0.4),
  labelSmoothing: z.number().min(0).lt(1).default(0.1),
  seed: z.int().min(0).default(1),
})
export type TrainingConfig = z.infer<typeof trainingConfigSchema>

/** What happened at a step; one line of `log.jsonl`. */
export interface TrainingEvent {
  readonly step: number
  readonly totalSteps: number
  /** Nats a word, with label smoothing and dropout. */
  readonly loss: number
  readonly gradientNorm: number
  readonly learningRate: number
  /** Nats a word on validation, averaged weights, without smoothing or dropout; at the end of an epoch. */
  readonly validationLoss?: number
}

export interface TrainingData {
  readonly train: readonly Example[]
  readonly validation: readonly Example[]
  readonly features: FeatureStore
}

/**
 * Trains a decoder by teacher forcing. The state is in `folder/training`; a training that finds one there goes on
 * with it, and gives the same losses as one that never stopped.
 */
export class Training {
  private readonly ops = new TensorFlowOps()
  private readonly shapes: ReadonlyMap<string, readonly number[]>
  private readonly optimiser: AdamW
  readonly totalSteps: number
  private readonly stepsAnEpoch: number

  constructor(
    readonly decoder: Decoder,
    readonly vocabulary: Vocabulary,
    readonly data: TrainingData,
    readonly config: TrainingConfig,
    readonly folder: string,
    /** The weights to begin with; random ones when absent. */
    initial?: Readonly<Record<string, Float32Array>>,
  ) {
    const { features } = data
    const { regions, channels, vocabularySize } = decoder.config
    if (features.header.regions !== regions || features.header.channels !== channels)
      throw expected(
        `features ${regions} × ${channels}`,
        features.path,
        [features.header.regions, features.header.channels],
        'INVALID_DATA',
      )
    if (vocabularySize !== vocabulary.size)
      throw expected(`${vocabularySize} words`, 'the vocabulary', vocabulary.size, 'INVALID_DATA')
    for (const part of ['train', 'validation'] as const)
      if (data[part].length === 0) throw expected('photos with captions', part, 0, 'INVALID_DATA')
    this.stepsAnEpoch = Math.ceil(data.train.length / config.imagesPerBatch)
    this.totalSteps = this.stepsAnEpoch * config.epochs
    const { parameters } = decoder
    this.shapes = new Map(parameters.map(({ name, shape }) => [name, shape]))
    const decaying = new Set(parameters.filter(({ shape }) => shape.length > 1).map(({ name }) => name))
    this.optimiser = new AdamW(
      {
        learningRate: config.learningRate,
        warmUpSteps: config.warmUpSteps,
        totalSteps: this.totalSteps,
        weightDecay: config.weightDecay,
        betas: [0.9, 0.98],
        clipNorm: config.clipNorm,
        averageDecay: config.averageDecay,
      },
      initial ?? initialize(parameters, config.seed),
      (name) => decaying.has(name),
    )
  }

  get step(): number {
    return this.optimiser.step
  }

  /** The averaged weights: what is validated and served. */
  get weights(): Record<string, Float32Array> {
    return this.optimiser.averages
  }

  /** Trains to the end, or to the step at which `signal` is raised; saves every `saveEvery` steps and when it stops. */
  async run(
    report: (event: TrainingEvent) => void | Promise<void>,
    signal?: AbortSignal,
    saveEvery = 200,
  ): Promise<void> {
    while (this.step < this.totalSteps && !signal?.aborted) {
      const event = this.advance()
      const ends = this.step % this.stepsAnEpoch === 0
      await report(ends ? { ...event, validationLoss: this.validate() } : event)
      if (ends || this.step % saveEvery === 0) await this.save()
      // Lets signals and output through between two steps.
      await new Promise((resolve) => setImmediate(resolve))
    }
    await this.save()
  }

  /** One step of the optimiser. */
  private advance(): TrainingEvent {
    const { config, data, step } = this
    const epoch = Math.floor(step / this.stepsAnEpoch)
    const options = this.batchOptions(epoch)
    const indices = this.epochBatches(epoch)[step % this.stepsAnEpoch]!
    const batch = makeBatch(data.train, indices, this.vocabulary, options)
    const { learningRate } = this.optimiser
    const weights = this.tensors(this.optimiser.weights)
    const features = this.features(batch.keys.map((key) => this.viewed(key, epoch)))
    const { loss, gradients } = this.ops.gradients(weights, (watched) =>
      teacherForcingLoss(this.ops, this.decoder, watched, batch, features, { ...config, step }),
    )
    this.ops.dispose([...Object.values(weights), features])
    const gradientNorm = this.optimiser.update(gradients)
    return { step: this.step, totalSteps: this.totalSteps, loss, gradientNorm, learningRate }
  }

  private batchesEpoch = -1
  private batches: number[][] = []

  private epochBatches(epoch: number): number[][] {
    if (epoch !== this.batchesEpoch) {
      this.batches = batchesOfEpoch(this.data.train, {
        ...this.batchOptions(epoch),
        imagesPerBatch: this.config.imagesPerBatch,
      })
      this.batchesEpoch = epoch
    }
    return this.batches
  }

  private batchOptions(epoch: number) {
    const { captionsPerImage, maxLength, seed } = this.config
    return { captionsPerImage, maxLength, seed, epoch }
  }

  /** Mean negative log-likelihood of the validation captions under the averaged weights, nats a word. */
  validate(): number {
    const { ops, data } = this
    const weights = this.tensors(this.weights)
    let total = 0
    let words = 0
    const order = data.validation.map((_, index) => index)
    for (let from = 0; from < order.length; from += this.config.imagesPerBatch) {
      const batch = makeBatch(
        data.validation,
        order.slice(from, from + this.config.imagesPerBatch),
        this.vocabulary,
        this.batchOptions(0),
      )
      const features = this.features(batch.keys)
      const loss = ops.scope(() => teacherForcingLoss(ops, this.decoder, weights, batch, features))
      const counted = batch.mask.reduce((sum, value) => sum + value, 0)
      total += ops.read(loss)[0]! * counted
      words += counted
      ops.dispose([features, loss])
    }
    ops.dispose(Object.values(weights))
    return total / words
  }

  private tensors(values: Readonly<Record<string, Float32Array>>): Record<string, Tensor> {
    return Object.fromEntries(
      Object.entries(values).map(([name, data]) => [name, this.ops.tensor(data, this.shapes.get(name)!)]),
    )
  }

  private features(keys: readonly string[]): Tensor {
    const { regions, channels } = this.decoder.config
    const values = new Float32Array(keys.length * regions * channels)
    for (const [image, key] of keys.entries())
      this.data.features.readInto(key, values, image * regions * channels)
    return this.ops.tensor(values, [keys.length, regions, channels])
  }

  /** One of the views of a photo that the store has, drawn anew each epoch. */
  private viewed(key: string, epoch: number): string {
    let views = 1
    while (this.data.features.has(viewKey(key, views))) views++
    return viewKey(key, new Random(this.config.seed, 'view', epoch, key).integer() % views)
  }

  private async save(): Promise<void> {
    const folder = join(this.folder, 'training')
    mkdirSync(folder, { recursive: true })
    const tensors = Object.entries(this.optimiser.state).map(([name, data]) => ({
      name,
      type: 'F32' as const,
      shape: [data.length],
      data,
    }))
    await writeSafetensors(join(folder, 'state.safetensors'), tensors, {
      step: String(this.step),
      config: JSON.stringify(this.config),
    })
  }

  /**
   * Goes on from a saved state.
   * @returns false where there is none.
   * @throws ShowtellError INVALID_BUNDLE for a state of another training.
   */
  async resume(): Promise<boolean> {
    const path = join(this.folder, 'training', 'state.safetensors')
    const file = await readSafetensors(path).catch((error) => {
      if (error.code === 'NOT_FOUND') return undefined
      throw error
    })
    if (file === undefined) return false
    if (file.metadata.config !== JSON.stringify(this.config))
      throw expected(
        `the training settings ${file.metadata.config}`,
        path,
        JSON.stringify(this.config),
        'INVALID_BUNDLE',
      )
    this.optimiser.restore(Number(file.metadata.step), (name) => file.float32(name).data)
    return true
  }
}
