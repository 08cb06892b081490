import type { Ops, Parameter, Weights } from '../engine/ops.js'
import { expected } from '../errors.js'
import { type Cell, type CellState, part, prefixed } from './cell.js'
import { CELLS } from './cells.js'
import { CONNECTIONS } from './connections.js'

export interface StackShape {
  /** A name of `CELLS`, or a cell of one's own. */
  readonly cell: string | Cell
  /** Size of what goes into the first layer. */
  readonly inputs: number
  /** Units of every layer. */
  readonly units: number
  /** 1 when absent. */
  readonly layers?: number | undefined
  /** A name of `CONNECTIONS`, plain when absent. The first layer, whose input has a size of its own, has none. */
  readonly connection?: string | undefined
  /** What the bias of forget gates starts at, 1 when absent. */
  readonly forgetBias?: number | undefined
}

/** What a recurrence gives at one step. */
export interface Stepped<T> {
  /** [images, hypotheses, units] */
  readonly output: T
  readonly state: CellState<T>
}

/**
 * Layers of one cell above each other, the output of each the input of the next. A single layer is the cell itself:
 * its weights and states have the cell's names (`w`, `hidden`). Those of layer 2 are `layer2.w` and `hidden2`.
 */
export class Stack {
  readonly units: number
  /** Names of the state values, layer by layer. */
  readonly states: readonly string[]
  readonly parameters: readonly Parameter[]
  /** The state that is the hidden one of the last layer. */
  readonly top: string
  private readonly cell: Cell
  private readonly layers: number
  private readonly connection: string

  /** @throws ShowtellError INVALID_ARGUMENT for a shape that is none. */
  constructor({ cell, inputs, units, layers = 1, connection = 'plain', forgetBias }: StackShape) {
    this.cell = typeof cell === 'string' ? rowOf(CELLS, 'cell', cell) : cell
    const { parameters } = rowOf(CONNECTIONS, 'connection', connection)
    if (!Number.isInteger(layers) || layers < 1) throw expected('an integer from 1', 'layers', layers)
    if (layers === 1 && connection !== 'plain')
      throw expected('2 layers or more', `layers with connection ${connection}`, layers)
    this.units = units
    this.layers = layers
    this.connection = connection
    const numbers = Array.from({ length: layers }, (_, i) => i + 1)
    this.states = numbers.flatMap((layer) => this.cell.states.map((state) => stateOf(state, layer)))
    this.top = stateOf('hidden', layers)
    this.parameters = numbers.flatMap((layer) => {
      if (layer === 1) return this.cell.parameters(inputs, units, forgetBias)
      return prefixed(`layer${layer}`, [
        ...this.cell.parameters(units, units, forgetBias),
        ...prefixed(connection, parameters(units)),
      ])
    })
  }

  /**
   * One step: x [images, hypotheses, inputs] and the state before → output of the last layer and the state after.
   * @param dropout a mask [images, hypotheses, units] for what each layer but the last hands to the next, its values 0
   * or 1 / (1 − rate); only in training. The state is never masked. Whether a mask is of one step (Zaremba et al. 2014) or
   * of all (Gal and Ghahramani 2016) is for whoever calls.
   */
  step<T>(
    ops: Ops<T>,
    weights: Weights<T>,
    x: T,
    before: CellState<T>,
    dropout: readonly T[] = [],
  ): Stepped<T> {
    const state: Record<string, T> = {}
    let output = x
    for (let layer = 1; layer <= this.layers; layer++) {
      const held = layer === 1 ? weights : part(weights, `layer${layer}`)
      const own = Object.fromEntries(this.cell.states.map((name) => [name, before[stateOf(name, layer)]!]))
      const after = this.cell.step(ops, held, output, own)
      for (const name of this.cell.states) state[stateOf(name, layer)] = after[name]!
      output =
        layer === 1
          ? after.hidden!
          : CONNECTIONS[this.connection]!.join(ops, part(held, this.connection), output, after.hidden!)
      const mask = dropout[layer - 1]
      if (mask !== undefined && layer < this.layers) output = ops.mul(output, mask)
    }
    return { output, state }
  }

  /** The state of zeros to begin with, for as many images and hypotheses as x [images, hypotheses, n] has. */
  zeros<T>(ops: Ops<T>, x: T): CellState<T> {
    const none = ops.constant(new Array(this.units).fill(0), [this.units], 'float32')
    const zero = ops.mul(ops.expand(ops.mean(x, 2), 2), none)
    return Object.fromEntries(this.states.map((name) => [name, zero]))
  }
}

function stateOf(name: string, layer: number): string {
  return layer === 1 ? name : `${name}${layer}`
}

function rowOf<R>(table: Readonly<Record<string, R>>, what: string, name: string): R {
  if (!Object.hasOwn(table, name)) throw expected(`one of ${Object.keys(table).join(', ')}`, what, name)
  return table[name]!
}
