import { expected } from '../errors.js'
import { clipping } from './clipping.js'
import type { Parameter } from './ops.js'

export interface OptimiserOptions {
  /** Highest learning rate, reached after the warm-up. */
  readonly learningRate: number
  readonly warmUpSteps: number
  /** Steps of the whole training; the rate falls along a cosine to zero (Loshchilov and Hutter 2017). */
  readonly totalSteps: number
  readonly weightDecay: number
  /** Decay of the running means of the gradient and of its square. */
  readonly betas: readonly [number, number]
  /** Gradients are scaled down to this norm (Pascanu et al. 2013). */
  readonly clipNorm: number
  /** Decay of the exponential moving average of the weights. */
  readonly averageDecay: number
}

/** What the optimiser remembers of one weight. */
interface Moments {
  readonly mean: Float32Array
  readonly square: Float32Array
  readonly average: Float32Array
}

const EPSILON = 1e-8

/**
 * AdamW (Loshchilov and Hutter 2019, algorithm 2, but the decay too is times the learning rate, as PyTorch has it) with
 * warm-up, cosine, clipping and an exponential moving average of the weights, over plain arrays: the same on every engine,
 * and a checkpoint is a copy. What has one dimension, as biases have, does not decay.
 */
export class AdamW {
  private readonly moments = new Map<string, Moments>()
  private readonly decaying: ReadonlySet<string>
  step = 0

  constructor(
    readonly options: OptimiserOptions,
    readonly weights: Readonly<Record<string, Float32Array>>,
    /** What the weights are, for their shapes. */
    parameters: readonly Pick<Parameter, 'name' | 'shape'>[],
    /** By how much the learning rate of a weight differs from the others'. */
    private readonly rateOf: (name: string) => number = () => 1,
  ) {
    this.decaying = new Set(parameters.filter(({ shape }) => shape.length > 1).map(({ name }) => name))
    for (const [name, values] of Object.entries(weights))
      this.moments.set(name, {
        mean: new Float32Array(values.length),
        square: new Float32Array(values.length),
        average: values.slice(),
      })
  }

  get learningRate(): number {
    const { learningRate, warmUpSteps, totalSteps } = this.options
    if (this.step < warmUpSteps) return (learningRate * (this.step + 1)) / warmUpSteps
    const progress = Math.min(1, (this.step - warmUpSteps) / Math.max(1, totalSteps - warmUpSteps))
    return 0.5 * learningRate * (1 + Math.cos(Math.PI * progress))
  }

  /** Changes the weights in place. Returns the norm of the gradient before clipping. */
  update(gradients: Readonly<Record<string, Float32Array>>): number {
    const { norm, scale } = clipping(gradients, this.options.clipNorm)
    if (!Number.isFinite(norm)) throw expected('a finite gradient', `step ${this.step + 1}`, norm, 'NUMERIC')
    const { betas, weightDecay, averageDecay } = this.options
    const [beta1, beta2] = betas
    const { learningRate } = this
    this.step++
    const correction1 = 1 - beta1 ** this.step
    const correction2 = 1 - beta2 ** this.step
    // The average follows the weights closely at first, by 10 / (step + 10), so that early ones do not linger in it.
    const follow = 1 - Math.min(averageDecay, this.step / (this.step + 10))
    for (const [name, gradient] of Object.entries(gradients)) {
      const weight = this.weights[name]!
      const rate = learningRate * this.rateOf(name)
      const { mean, square, average } = this.moments.get(name)!
      const decay = this.decaying.has(name) ? rate * weightDecay : 0
      for (let i = 0; i < gradient.length; i++) {
        const g = gradient[i]! * scale
        const m = beta1 * mean[i]! + (1 - beta1) * g
        const s = beta2 * square[i]! + (1 - beta2) * g * g
        mean[i] = m
        square[i] = s
        const w =
          weight[i]! * (1 - decay) - (rate * (m / correction1)) / (Math.sqrt(s / correction2) + EPSILON)
        weight[i] = w
        average[i]! += follow * (w - average[i]!)
      }
    }
    return norm
  }

  /** The moving averages: what is validated and served. */
  get averages(): Record<string, Float32Array> {
    return Object.fromEntries([...this.moments].map(([name, { average }]) => [name, average]))
  }

  /** Everything needed to go on, by name; the arrays are the live ones. */
  get state(): Record<string, Float32Array> {
    return Object.fromEntries(
      [...this.moments].flatMap(([name, { mean, square, average }]) => [
        [`mean.${name}`, mean],
        [`square.${name}`, square],
        [`average.${name}`, average],
        [`weight.${name}`, this.weights[name]!],
      ]),
    )
  }

  /** @throws ShowtellError INVALID_BUNDLE naming an array that is missing or has another length; nothing changes then. */
  restore(step: number, read: (name: string) => Float32Array): void {
    const pairs = Object.entries(this.state).map(([name, values]) => {
      const saved = read(name)
      if (saved.length !== values.length)
        throw expected(`${values.length} values`, name, saved.length, 'INVALID_BUNDLE')
      return [values, saved] as const
    })
    for (const [values, saved] of pairs) values.set(saved)
    this.step = step
  }
}
