import { z } from 'zod'
import type { Ops, Parameter, Weights } from '../engine/ops.js'
import { Bidirectional } from '../rnn/bidirectional.js'
import { affine, part, prefixed } from '../rnn/cell.js'
import { cellSchema, connectionSchema } from '../rnn/schema.js'
import { Stack } from '../rnn/stack.js'
import { unroll } from '../rnn/unroll.js'

/** The shape of a classifier; what its bundle's `config.json` holds, with the words. */
export const classifierConfigSchema = z.strictObject({
  cell: cellSchema.default('gru'),
  direction: z.enum(['forward', 'both']).default('both').describe('how a text is read: forward, both'),
  layers: z.int().min(1).default(1).describe('layers above each other'),
  connection: connectionSchema,
  units: z.int().min(1).default(128).describe('units of a layer'),
  embeddingSize: z.int().min(1).default(64).describe('size of the vector of a word'),
  vocabularySize: z.int().min(1),
  labels: z.array(z.string().min(1)).min(2),
})
export type ClassifierConfig = z.infer<typeof classifierConfigSchema>

/** What training drops: masks of values 0 or 1 / (1 − rate). */
export interface ClassifierDropout<T> {
  /** Of the vectors of the words, [texts, 1, embedding size]. */
  readonly input: T
  /** Of what the network says of the whole text, [texts, 1, units]. */
  readonly output: T
}

/** Many to one: reads a text word by word and judges it when it has read it all. */
export class Classifier {
  private readonly reader: Stack | Bidirectional
  readonly parameters: readonly Parameter[]

  /** @throws ShowtellError INVALID_ARGUMENT for a connection where there is nothing to connect. */
  constructor(readonly config: ClassifierConfig) {
    const { cell, direction, layers, connection, units, embeddingSize, vocabularySize, labels } = config
    const shape = { cell, layers, connection, units, inputs: embeddingSize }
    this.reader = direction === 'both' ? new Bidirectional({ ...shape, outputs: units }) : new Stack(shape)
    this.parameters = [
      { name: 'embedding', shape: [vocabularySize, embeddingSize], initializer: { uniform: 0.1 } },
      ...prefixed('reader', this.reader.parameters),
      ...prefixed('output', affine(units, labels.length)),
    ]
  }

  /**
   * Token ids [texts, length] → scores of the labels [texts, labels].
   * @param mask [texts, length, 1], 1 for a word and 0 where a text is padded.
   */
  scores<T>(
    ops: Ops<T>,
    weights: Weights<T>,
    { tokens, mask, length }: { readonly tokens: T; readonly mask: T; readonly length: number },
    dropout?: ClassifierDropout<T>,
  ): T {
    const embedded = ops.gather(weights.embedding!, tokens)
    const vectors = dropout === undefined ? embedded : ops.mul(embedded, dropout.input)
    const read = this.read(
      ops,
      part(weights, 'reader'),
      ops.split(vectors, length, 1),
      ops.split(mask, length, 1),
    )
    const kept = dropout === undefined ? read : ops.mul(read, dropout.output)
    return ops.squeeze(ops.linear(kept, weights['output.w']!, weights['output.b']!), 1)
  }

  /** What is left of a text at its own last word, or at both of its ends, [texts, 1, units]. */
  private read<T>(ops: Ops<T>, weights: Weights<T>, xs: readonly T[], masks: readonly T[]): T {
    const { reader } = this
    if (reader instanceof Bidirectional) return reader.read(ops, weights, xs, masks).whole()
    const start = reader.zeros(ops, xs[0]!)
    const { outputs } = unroll(ops, (x, state) => reader.step(ops, weights, x, state), xs, start, masks)
    return outputs.at(-1)!
  }
}
