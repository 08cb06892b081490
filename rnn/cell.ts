import type { Ops, Parameter, Weights } from '../engine/ops.js'

/** State values by name, each [images, hypotheses, units]. */
export type CellState<T> = Readonly<Record<string, T>>

/**
 * A recurrent cell: one step of the recurrence. Row vectors: y = x · W + b.
 * `hidden` is the state that others see as the output.
 */
export interface Cell {
  /** Names of the state values; `hidden` is the first. */
  readonly states: readonly string[]
  /** @param forgetBias what the bias of a learnt forget gate starts at, 1 when absent; cells without one ignore it. */
  parameters(inputs: number, units: number, forgetBias?: number): readonly Parameter[]
  /** x [images, hypotheses, inputs] and the state before → the state after. */
  step<T>(ops: Ops<T>, weights: Weights<T>, x: T, state: CellState<T>): CellState<T>
}

/** The weights of one part of a model: names under `prefix.` without it. */
export function part<T>(weights: Weights<T>, prefix: string): Weights<T> {
  return Object.fromEntries(
    Object.entries(weights)
      .filter(([name]) => name.startsWith(`${prefix}.`))
      .map(([name, value]) => [name.slice(prefix.length + 1), value]),
  )
}

/** Parameters under `prefix.`. */
export function prefixed(prefix: string, parameters: readonly Parameter[]): Parameter[] {
  return parameters.map((parameter) => ({ ...parameter, name: `${prefix}.${parameter.name}` }))
}

/** The matrix and the bias of x · w + b; the bias starts at 0, or at one number a part. */
export function affine(inputs: number, outputs: number, bias: readonly number[] = [0]): Parameter[] {
  return [
    { name: 'w', shape: [inputs, outputs], initializer: 'glorot' },
    { name: 'b', shape: [outputs], initializer: { parts: bias } },
  ]
}
