import type { Ops, Parameter, Weights } from '../engine/ops.js'
import { affine, type CellState, part, prefixed } from '../rnn/cell.js'
import type { Stepped } from '../rnn/stack.js'

/**
 * A network without memory: it sees the last few inputs side by side and no more (Bengio et al. 2003, "A neural
 * probabilistic language model"). It steps as a stack of cells does, so that the two can be compared; its state is the
 * inputs before, not anything it has made of them.
 */
export class Window {
  /** Names of the inputs before this one, the latest first. */
  readonly states: readonly string[]
  readonly parameters: readonly Parameter[]
  private readonly layers: readonly number[]

  constructor(shape: { inputs: number; units: number; layers: number; window: number }) {
    const { inputs, units, window } = shape
    this.layers = Array.from({ length: shape.layers }, (_, i) => i + 1)
    this.states = Array.from({ length: window - 1 }, (_, i) => `before${i + 1}`)
    this.parameters = this.layers.flatMap((layer) =>
      prefixed(`layer${layer}`, affine(layer === 1 ? window * inputs : units, units)),
    )
  }

  /** As `Stack.step`: h = tanh([x, x before, …]·w + b), and so on through the layers. */
  step<T>(
    ops: Ops<T>,
    weights: Weights<T>,
    x: T,
    before: CellState<T>,
    dropout: readonly T[] = [],
  ): Stepped<T> {
    const seen = [x, ...this.states.map((name) => before[name]!)]
    let output = ops.concat(seen, 2)
    for (const layer of this.layers) {
      const { w, b } = part(weights, `layer${layer}`)
      output = ops.tanh(ops.linear(output, w!, b!))
      const mask = layer < this.layers.length ? dropout[layer - 1] : undefined
      if (mask !== undefined) output = ops.mul(output, mask)
    }
    return { output, state: Object.fromEntries(this.states.map((name, i) => [name, seen[i]!])) }
  }
}
