import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import { checkReplaceable } from '../engine/folder.js'
import { initialize } from '../engine/initialize.js'
import type { Parameter, Weights } from '../engine/ops.js'
import { AdamW } from '../engine/optimiser.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { restoreState, type StepEvent, saveState } from '../engine/training-state.js'
import { warmUpSchema, withWarmUp } from '../engine/warm-up.js'

/** Steps of warm-up at most, where nothing is said of them. */
const MOST_WARM_UP = 100
/** Steps that a killed training loses at most. */
const SAVE_EVERY = 200

/** How any model of language is trained. */
export const recipeSchema = z.strictObject({
  steps: z.int().min(1).describe('steps of the optimiser in all'),
  learningRate: z.number().positive().describe('highest learning rate; it falls along a cosine'),
  warmUpSteps: warmUpSchema(MOST_WARM_UP),
  weightDecay: z.number().min(0).default(0.01).describe('of matrices, AdamW'),
  clipNorm: z.number().positive().default(1).describe('gradients are scaled down to this norm'),
  averageDecay: z.number().min(0).lt(1).default(0.998).describe('of the moving average of the weights'),
  dropout: z.number().min(0).lt(1).default(0).describe('share of values that a step does without'),
  validations: z.int().min(1).default(10).describe('validations in all, at equal distances'),
  seed: z.int().min(0).default(1).describe('of weights, order and dropout'),
})
export type Recipe = z.infer<typeof recipeSchema>

/** The recipe of a model whose dropout takes from `places`, which its help names. */
export function recipeDropping(places: string): typeof recipeSchema {
  const dropout = recipeSchema.shape.dropout.describe(
    `share of values that a step does without: of ${places}`,
  )
  return recipeSchema.extend({ dropout })
}

/** What is to be learnt. */
export interface Task {
  readonly parameters: readonly Parameter[]
  /** What one step learns from; a pure function of the step and of what is carried. */
  learn(
    ops: TensorFlowOps,
    weights: Weights<Tensor>,
    step: number,
  ): { loss: number; gradients: Record<string, Float32Array> }
  /** Of the averaged weights on what is not learnt from, nats; the least is kept. */
  validate(ops: TensorFlowOps, weights: Weights<Tensor>): number
  /** What goes on from step to step beside the weights; the arrays are the live ones. */
  readonly carried?: Readonly<Record<string, Float32Array>>
}

/**
 * Trains any model of language. The state is in `folder/training`; a training that finds one there goes on with it, and
 * gives the same losses as one that never stopped.
 */
export class Training {
  /** With the warm-up that it has for its steps. */
  readonly recipe: Recipe & { readonly warmUpSteps: number }
  /** Where the bundle goes that it becomes. */
  readonly bundle: string
  private readonly ops = new TensorFlowOps()
  private readonly optimiser: AdamW
  private readonly file: string
  private readonly best: Record<string, Float32Array>
  /** Lowest loss on validation and its step, in an array, as it is saved. */
  private readonly bestLoss = Float32Array.of(Number.POSITIVE_INFINITY, 0)

  constructor(
    private readonly task: Task,
    given: Recipe,
    folder: string,
    /** What else a saved state has to agree with. */
    private readonly setting: Readonly<Record<string, unknown>>,
  ) {
    const { parameters } = task
    this.recipe = withWarmUp(recipeSchema, given, given.steps, MOST_WARM_UP)
    this.bundle = join(folder, 'bundle')
    this.file = join(folder, 'training', 'state.safetensors')
    this.optimiser = new AdamW(
      { ...this.recipe, totalSteps: given.steps, betas: [0.9, 0.99] },
      initialize(parameters, given.seed),
      parameters,
    )
    this.best = copied(this.optimiser.averages)
  }

  get step(): number {
    return this.optimiser.step
  }

  /** The averaged weights as they are now. */
  get weights(): Record<string, Float32Array> {
    return this.optimiser.averages
  }

  /** The averaged weights that were best on validation, the loss there (nats) and the step. */
  get result(): { weights: Readonly<Record<string, Float32Array>>; loss: number; step: number } {
    return { weights: this.best, loss: this.bestLoss[0]!, step: this.bestLoss[1]! }
  }

  /** Goes on from a saved state; false where there is none. @throws ShowtellError INVALID_BUNDLE for another training's. */
  async resume(): Promise<boolean> {
    const file = await restoreState(this.file, this.optimiser, this.config)
    if (file === undefined) return false
    for (const [name, values] of Object.entries(this.others)) values.set(file.float32(name).data)
    return true
  }

  /**
   * Trains to the end, or to the step at which `signal` is raised; saves every `SAVE_EVERY` steps and when it stops.
   * @throws ShowtellError INVALID_ARGUMENT where something else is in the place of the bundle.
   */
  async run(report: (event: StepEvent) => void | Promise<void>, signal?: AbortSignal): Promise<void> {
    // Before hours of work that would end there.
    await checkReplaceable(this.bundle)
    const { steps, validations } = this.recipe
    const due = (step: number): number => Math.floor((step * validations) / steps)
    while (this.step < steps && !signal?.aborted) {
      const event = this.advance()
      const validates = due(this.step) > due(this.step - 1)
      await report(validates ? { ...event, validationLoss: this.validated() } : event)
      if (validates || this.step % SAVE_EVERY === 0) await this.save()
      // Lets signals and output through between two steps.
      await setImmediate()
    }
    await this.save()
  }

  private advance(): StepEvent {
    const { ops, optimiser, recipe } = this
    const weights = this.tensors(optimiser.weights)
    const { learningRate } = optimiser
    try {
      const { loss, gradients } = this.task.learn(ops, weights, this.step)
      const gradientNorm = optimiser.update(gradients)
      return { step: this.step, totalSteps: recipe.steps, loss, gradientNorm, learningRate }
    } finally {
      ops.dispose(Object.values(weights))
    }
  }

  private validated(): number {
    const weights = this.tensors(this.weights)
    try {
      const loss = this.task.validate(this.ops, weights)
      if (loss < this.bestLoss[0]!) {
        this.bestLoss.set([loss, this.step])
        for (const [name, values] of Object.entries(this.weights)) this.best[name]!.set(values)
      }
      return loss
    } finally {
      this.ops.dispose(Object.values(weights))
    }
  }

  private get config(): Readonly<Record<string, unknown>> {
    return { ...this.setting, ...this.recipe }
  }

  private get others(): Record<string, Float32Array> {
    const named = (prefix: string, arrays: Readonly<Record<string, Float32Array>>) =>
      Object.entries(arrays).map(([name, values]) => [`${prefix}.${name}`, values] as const)
    return Object.fromEntries([
      ...named('carried', this.task.carried ?? {}),
      ...named('best', this.best),
      ['best loss', this.bestLoss],
    ])
  }

  private async save(): Promise<void> {
    await saveState(this.file, this.optimiser, this.config, this.others)
  }

  private tensors(values: Readonly<Record<string, Float32Array>>): Record<string, Tensor> {
    return this.ops.tensors(this.task.parameters, (name) => values[name]!)
  }
}

function copied(arrays: Readonly<Record<string, Float32Array>>): Record<string, Float32Array> {
  return Object.fromEntries(Object.entries(arrays).map(([name, values]) => [name, values.slice()]))
}
