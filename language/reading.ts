import { setImmediate } from 'node:timers/promises'
import { expected } from '../errors.js'
import type { Random } from '../random.js'
import { Constraints } from '../search/constraints.js'
import type { SequenceModel } from '../search/model.js'
import { bestOfRows } from '../search/rows.js'
import { sample } from '../search/sampling.js'
import type { CharacterModel } from './character-model.js'
import type { CharacterRuntime, TextState } from './character-runtime.js'
import type { Characters } from './characters.js'

/** What a model does at a character of a text. */
export interface Read {
  /** The state after the character. */
  readonly state: TextState
  /** Log-probability of the character that comes next, nats; absent at the last. */
  readonly logProb?: number
}

/** Reads a text character by character from an empty state. */
export async function* read(
  { step }: Pick<CharacterRuntime, 'step'>,
  model: CharacterModel,
  text: Int32Array,
): AsyncGenerator<Read> {
  let state: TextState = model.zeros(1).values
  for (let i = 0; i < text.length; i++) {
    const after = await step(text.subarray(i, i + 1), state)
    state = after.state
    const next = text[i + 1]
    yield next === undefined ? { state } : { state, logProb: after.logProbs[next]! }
  }
}

/**
 * Nats a character, each but the first predicted from all before: the mean of −ln p. Perplexity is e to it.
 * @param report hears every so often how many were read and what they took so far; it may stop the reading by an error.
 * @throws ShowtellError INVALID_DATA for a text without a character to predict.
 */
export async function natsOf(
  runtime: Pick<CharacterRuntime, 'step'>,
  model: CharacterModel,
  text: Int32Array,
  report: (count: number, nats: number) => void = () => {},
): Promise<number> {
  if (text.length < 2) throw expected('2 characters or more', 'the text', text.length, 'INVALID_DATA')
  let [sum, count] = [0, 0]
  for await (const { logProb } of read(runtime, model, text)) {
    if (logProb === undefined) break
    sum -= logProb
    count++
    if (count % 200 !== 0) continue
    report(count, sum / count)
    // Lets signals and output through.
    await setImmediate()
  }
  return sum / count
}

export interface SampleOptions {
  /** Token ids that it goes on from, at least one; not in what is given back. */
  readonly prime: Int32Array
  /** Characters to write. */
  readonly length: number
  readonly temperature: number
  readonly topP: number
  readonly random: Random
}

/** What a model writes from where nothing is given: the break before a line, or any character where it knows no break. */
export function beginning(characters: Characters): Int32Array {
  return characters.encode('\n', 0)
}

/**
 * Writes a text, character by character, from what the model holds likely.
 * @param report hears each character before the next is drawn.
 */
export async function write(
  runtime: Pick<CharacterRuntime, 'step'>,
  model: CharacterModel,
  { prime, length, temperature, topP, random }: SampleOptions,
  report: (character: number) => void = () => {},
): Promise<Int32Array> {
  if (prime.length === 0) throw expected('at least one character', 'prime', '')
  let state: TextState = model.zeros(1).values
  for await (const read_ of read(runtime, model, prime.subarray(0, -1))) state = read_.state
  const { vocabularySize } = model.config
  // The model is fed what was drawn, the last character too; first of all it is fed the end of the prime.
  let isPrime = true
  const step: CharacterRuntime['step'] = (tokens, before) => {
    if (!isPrime) report(tokens[0]!)
    isPrime = false
    return runtime.step(tokens, before)
  }
  const [texts] = await sample(asSequence({ step }, model, state), {
    constraints: new Constraints({
      vocabularySize: vocabularySize + 1,
      end: vocabularySize,
      minLength: length,
      maxLength: length,
      banned: [],
      noRepeatNgram: 0,
    }),
    start: prime.at(-1)!,
    count: 1,
    lengthPenalty: 0,
    temperature,
    topP,
    random: [random],
  })
  return texts![0]!.tokens
}

/** The model as the search sees it. A text has no end: the token that says so never comes. */
function asSequence(
  { step }: Pick<CharacterRuntime, 'step'>,
  model: CharacterModel,
  start: TextState,
): SequenceModel<TextState> {
  const size = model.config.vocabularySize
  return {
    images: 1,
    vocabularySize: size + 1,
    start: async () => start,
    async step(ids, state, k, bias) {
      const rows = ids.length
      const after = await step(ids, state)
      const chances = new Float32Array(rows * (size + 1)).fill(Number.NEGATIVE_INFINITY)
      for (let row = 0; row < rows; row++)
        for (let id = 0; id < size; id++)
          chances[row * (size + 1) + id] = after.logProbs[row * size + id]! + bias[id]!
      return { continuations: bestOfRows(chances, size + 1, k), state: after.state }
    },
    select: (state, parents) =>
      Object.fromEntries(
        Object.entries(state).map(([name, values]) => {
          const chosen = new Float32Array(parents.length * model.stateSize)
          parents.forEach((parent, row) => {
            const from = parent * model.stateSize
            chosen.set(values.subarray(from, from + model.stateSize), row * model.stateSize)
          })
          return [name, chosen]
        }),
      ),
    release: () => {},
  }
}
