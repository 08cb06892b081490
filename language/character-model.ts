import { z } from 'zod'
import { type Ops, type Parameter, sizeOf, type Weights } from '../engine/ops.js'
import { expected } from '../errors.js'
import { affine, type CellState, part, prefixed } from '../rnn/cell.js'
import { CELLS } from '../rnn/cells.js'
import { connectionSchema } from '../rnn/schema.js'
import { Stack, type Stepped } from '../rnn/stack.js'
import type { StateValues } from '../rnn/truncated.js'
import { Window } from './window.js'

/** Networks without memory, by the characters they see. */
const WINDOWS: Readonly<Record<string, number>> = Object.freeze({ 'window-1': 1, 'window-3': 3 })

/** What may read a text: every cell, and networks without memory to hold against them. */
export const MODELS = Object.freeze([...Object.keys(CELLS), ...Object.keys(WINDOWS)] as [string, ...string[]])

/** The shape of a character model; what its bundle's `config.json` holds. */
export const characterConfigSchema = z.strictObject({
  model: z
    .enum(MODELS)
    .default('lstm')
    .describe(`what reads: ${MODELS.join(', ')}`),
  layers: z.int().min(1).default(2).describe('layers above each other'),
  connection: connectionSchema,
  units: z.int().min(1).default(384).describe('units of a layer'),
  embeddingSize: z.int().min(1).default(64).describe('size of the vector of a character'),
  vocabularySize: z.int().min(1),
})
export type CharacterConfig = z.infer<typeof characterConfigSchema>

/**
 * A character model: reads a text and says at each character how likely each next one is (Sutskever et al. 2011;
 * Karpathy 2015, "The unreasonable effectiveness of recurrent neural networks"). `step` and `advance` are the only
 * definition of it: training, sampling and export call them.
 */
export class CharacterModel {
  private readonly network: Stack | Window
  readonly parameters: readonly Parameter[]

  /** @throws ShowtellError INVALID_ARGUMENT for a connection where there is nothing to connect. */
  constructor(readonly config: CharacterConfig) {
    const { model, layers, connection, units, embeddingSize: inputs, vocabularySize } = config
    const window = WINDOWS[model]
    if (window !== undefined && connection !== 'plain')
      throw expected('plain', `connection of ${model}`, connection)
    this.network =
      window === undefined
        ? new Stack({ cell: model, inputs, units, layers, connection })
        : new Window({ inputs, units, layers, window })
    this.parameters = [
      { name: 'embedding', shape: [vocabularySize, inputs], initializer: { uniform: 0.1 } },
      ...prefixed('network', this.network.parameters),
      ...prefixed('output', affine(units, vocabularySize)),
    ]
  }

  /** Names of the state values. */
  get states(): readonly string[] {
    return this.network.states
  }

  /** Numbers in each state value. */
  get stateSize(): number {
    return this.network instanceof Stack ? this.config.units : this.config.embeddingSize
  }

  /** The state before the first character of `rows` texts. */
  zeros(rows: number): StateValues {
    const values = this.states.map((name) => [name, new Float32Array(rows * this.stateSize)] as const)
    return { rows, values: Object.fromEntries(values) }
  }

  /** Token ids, any shape → vectors [..., embedding size]. */
  embed<T>(ops: Ops<T>, weights: Weights<T>, tokens: T): T {
    return ops.gather(weights.embedding!, tokens)
  }

  /** One character further: vectors [rows, 1, embedding size]; `dropout` as `Stack.step` takes it. */
  advance<T>(
    ops: Ops<T>,
    weights: Weights<T>,
    x: T,
    before: CellState<T>,
    dropout?: readonly T[],
  ): Stepped<T> {
    return this.network.step(ops, part(weights, 'network'), x, before, dropout)
  }

  /** Outputs [..., units] → a score for every character. */
  project<T>(ops: Ops<T>, weights: Weights<T>, output: T): T {
    return ops.linear(output, weights['output.w']!, weights['output.b']!)
  }

  /** Token ids [rows, 1] → log-probabilities of the next character [rows, 1, vocabulary], nats. */
  step<T>(
    ops: Ops<T>,
    weights: Weights<T>,
    tokens: T,
    before: CellState<T>,
  ): { logProbs: T; state: CellState<T> } {
    const { output, state } = this.advance(ops, weights, this.embed(ops, weights, tokens), before)
    return { logProbs: ops.logSoftmax(this.project(ops, weights, output)), state }
  }
}

/** The model with as many units as bring its parameters closest to a number, so that models can be held against each other. */
export function ofSize(config: CharacterConfig, parameters: number): CharacterModel {
  const withUnits = (units: number) => new CharacterModel({ ...config, units })
  let [low, high] = [1, 2]
  while (sizeOf(withUnits(high).parameters) < parameters) high *= 2
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (sizeOf(withUnits(middle).parameters) < parameters) low = middle
    else high = middle
  }
  const [below, above] = [withUnits(low), withUnits(high)]
  const away = (model: CharacterModel) => Math.abs(sizeOf(model.parameters) - parameters)
  return away(below) < away(above) ? below : above
}
