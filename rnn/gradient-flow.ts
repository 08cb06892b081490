import { initialize } from '../engine/initialize.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { Random } from '../random.js'
import type { Cell } from './cell.js'
import { elmanWith } from './elman.js'
import { Stack } from './stack.js'
import { unroll } from './unroll.js'

/** The plain network without squashing, h = [x, h]·w + b: its gradient over n steps has the norm ρⁿ exactly. */
export const linearCell = elmanWith((_ops, sum) => sum)

export interface FlowSetting {
  /** A name of `CELLS`, or a cell of one's own. */
  readonly cell: string | Cell
  /**
   * Spectral radius: each recurrent matrix is orthogonal times this, so that all its eigenvalues have this modulus. Gates
   * side by side have such a matrix each, and peepholes are this or its negative. Absent: all as training starts.
   */
  readonly radius?: number | undefined
  readonly forgetBias?: number | undefined
  readonly seed: number
}

const [IMAGES, INPUTS, UNITS] = [8, 16, 64]

/** Something measured at some distance, in steps or layers. */
export type Point = readonly [distance: number, norm: number]

/**
 * ‖∂L_T/∂s_t‖ for each state s of a cell against T − t, mean over sequences of random inputs; L_T is the projection of
 * the last hidden state on a random direction, so that the norm at T − t = 0 is 1. What flows is all that flows from
 * that state on, by whatever way (Hochreiter 1991; Bengio et al. 1994; Pascanu et al. 2013). One backward pass.
 */
export function flowOverTime(setting: FlowSetting, steps: number): Record<string, Point[]> {
  const ops = new TensorFlowOps()
  const { stack, weights } = drawnStack(setting)
  const size = IMAGES * UNITS
  const shape = [IMAGES, 1, UNITS]
  // Zeros added to each state: the gradient of a summand is that of the sum. The last cell state shows nowhere.
  const nudges = Object.fromEntries(
    stack.states.flatMap((name) =>
      Array.from({ length: steps }, (_, distance) => distance)
        .filter((distance) => name === stack.top || distance > 0)
        .map((distance) => [`${name} ${distance}`, ops.tensor(new Float32Array(size), shape)]),
    ),
  )
  const { gradients } = ops.gradients(nudges, (watched) => {
    const held = tensorsOf(ops, stack, weights)
    const xs = drawnInputs(ops, steps, setting.seed)
    const { outputs } = unroll(
      ops,
      (x, before, time) => {
        const { state } = stack.step(ops, held, x, before)
        const nudged = Object.entries(state).map(([name, value]) => {
          const nudge = watched[`${name} ${steps - 1 - time}`]
          return [name, nudge === undefined ? value : ops.add(value, nudge)] as const
        })
        const after = Object.fromEntries(nudged)
        return { output: after[stack.top]!, state: after }
      },
      xs,
      stack.zeros(ops, xs[0]!),
    )
    return projected(ops, outputs.at(-1)!, setting.seed)
  })
  ops.dispose(Object.values(nudges))
  return Object.fromEntries(
    stack.states.map((name) => [
      name,
      Array.from({ length: steps }, (_, distance) => distance)
        .filter((distance) => gradients[`${name} ${distance}`] !== undefined)
        .map((distance): Point => [distance, meanNorm(gradients[`${name} ${distance}`]!)]),
    ]),
  )
}

/** The gradient of every weight when only the last output of a sequence of this length is judged. */
export function weightGradients(setting: FlowSetting, steps: number): Record<string, Float32Array> {
  const ops = new TensorFlowOps()
  const { stack, weights } = drawnStack(setting)
  const held = ops.tensors(stack.parameters, (name) => weights[name]!)
  const { gradients } = ops.gradients(held, (watched) => {
    const xs = drawnInputs(ops, steps, setting.seed)
    const { outputs } = unroll(
      ops,
      (x, before) => stack.step(ops, watched, x, before),
      xs,
      stack.zeros(ops, xs[0]!),
    )
    return projected(ops, outputs.at(-1)!, setting.seed)
  })
  ops.dispose(Object.values(held))
  return gradients
}

/**
 * ‖∂L/∂x‖ of one step from the state 0 against the number of layers that L is above x, for each of these depths: L is the
 * projection of the last layer's output, the weights as training starts (of the recurrent ones nothing shows at 0). One
 * backward pass a depth; a deeper stack has the layers of the others and more.
 */
export function flowOverDepth(
  { cell, seed }: Pick<FlowSetting, 'cell' | 'seed'>,
  connection: string,
  depths: readonly number[],
): Point[] {
  const ops = new TensorFlowOps()
  return depths.map((layers): Point => {
    const { stack, weights } = drawnStack({ cell, seed }, layers, layers === 1 ? 'plain' : connection)
    const [drawn] = inputValues(1, seed)
    const x = ops.tensor(drawn!, [IMAGES, 1, INPUTS])
    const { gradients } = ops.gradients({ x }, (watched) => {
      const held = tensorsOf(ops, stack, weights)
      const { output } = stack.step(ops, held, watched.x!, stack.zeros(ops, watched.x!))
      return projected(ops, output, seed)
    })
    ops.dispose([x])
    return [layers, meanNorm(gradients.x!)]
  })
}

/**
 * What the norm is multiplied by at each step: e to the slope of the straight line (least squares) through the
 * logarithms, those of norms that float32 can no longer tell from 0 left out. 1 is a flow that keeps.
 */
export function factorOf(points: readonly Point[]): number {
  const seen = points.filter(([, norm]) => norm > 1e-30).map(([x, norm]) => [x, Math.log(norm)] as const)
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [centre, level] = [mean(seen.map(([x]) => x)), mean(seen.map(([, y]) => y))]
  const slope =
    seen.reduce((sum, [x, y]) => sum + (x - centre) * (y - level), 0) /
    seen.reduce((sum, [x]) => sum + (x - centre) ** 2, 0)
  return Math.exp(slope)
}

/** A stack as training starts; one of a single layer may have what leads from state to state of a radius asked for. */
function drawnStack({ cell, radius, forgetBias, seed }: FlowSetting, layers = 1, connection = 'plain') {
  const stack = new Stack({ cell, inputs: INPUTS, units: UNITS, layers, connection, forgetBias })
  const weights = initialize(stack.parameters, seed)
  if (radius === undefined) return { stack, weights }
  for (const { name, shape } of stack.parameters) {
    const recurrent = recurrentPart(name, shape, seed)
    const values = weights[name]!
    // The rows of the state stand below those of the input.
    values.set(
      recurrent.map((value) => radius * value),
      values.length - recurrent.length,
    )
  }
  return { stack, weights }
}

/** Orthogonal matrices side by side for the gates of a cell, signs for a peephole, nothing for what is no recurrence. */
function recurrentPart(name: string, shape: readonly number[], seed: number): Float32Array {
  const drawn = `recurrent ${name}`
  if (/^p_[ifo]$/.test(name)) {
    const random = new Random(seed, drawn)
    return Float32Array.from({ length: UNITS }, () => (random.below(2) === 0 ? -1 : 1))
  }
  if (!/(^|\.)w$/.test(name)) return new Float32Array(0)
  return initialize([{ name: drawn, shape: [UNITS, shape[1]!], initializer: 'orthogonal' }], seed)[drawn]!
}

function tensorsOf(ops: TensorFlowOps, { parameters }: Stack, weights: Record<string, Float32Array>) {
  return Object.fromEntries(parameters.map(({ name, shape }) => [name, ops.input(weights[name]!, shape)]))
}

function inputValues(steps: number, seed: number): Float32Array[] {
  return Array.from({ length: steps }, (_, time) => {
    const random = new Random(seed, 'inputs', time)
    return Float32Array.from({ length: IMAGES * INPUTS }, () => random.normal())
  })
}

function drawnInputs(ops: TensorFlowOps, steps: number, seed: number): Tensor[] {
  return inputValues(steps, seed).map((values) => ops.input(values, [IMAGES, 1, INPUTS]))
}

/** Sum over the sequences of the projection on a direction of length 1, one for each. */
function projected(ops: TensorFlowOps, output: Tensor, seed: number): Tensor {
  const random = new Random(seed, 'direction')
  const directions = new Float32Array(IMAGES * UNITS).map(() => random.normal())
  for (let image = 0; image < IMAGES; image++) {
    const direction = directions.subarray(image * UNITS, (image + 1) * UNITS)
    direction.set(direction.map((value) => value / Math.hypot(...direction)))
  }
  return ops.sum(ops.mul(ops.reshape(output, [-1]), ops.input(directions, [IMAGES * UNITS])), 0)
}

/** The mean over sequences of the norm of what belongs to each. */
function meanNorm(gradient: Float32Array): number {
  const width = gradient.length / IMAGES
  let sum = 0
  for (let image = 0; image < IMAGES; image++)
    sum += Math.hypot(...gradient.subarray(image * width, (image + 1) * width))
  return sum / IMAGES
}
