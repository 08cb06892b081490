import { expected, ShowtellError } from '../errors.js'
import type { Constraints, Words } from './constraints.js'
import type { SequenceModel } from './model.js'

/** A hypothesis as a chain of words that it shares with its siblings. */
export class Path implements Words {
  /** Where it stands among the hypotheses of its image. */
  row = 0
  /** Where the model looked for the word after this one, a share a region. */
  looked: Float32Array | undefined
  readonly length: number

  constructor(
    readonly before: Path | undefined,
    readonly token: number,
    /** Sum over its words, nats. */
    readonly logProb: number,
  ) {
    this.length = before === undefined ? 0 : before.length + 1
  }
}

/** A hypothesis and what may follow it. */
export interface Fork {
  readonly path: Path
  /** Most probable first. */
  readonly tokens: Int32Array
  /** Of each of `tokens`; −Infinity cannot come. */
  readonly logProbs: Float32Array
  /** Whether the hypothesis may not say a token, whatever its probability. */
  readonly forbids: (token: number) => boolean
}

export interface WalkOptions {
  readonly constraints: Constraints
  /** Token before the first word: one for all images, or one an image. */
  readonly start: number | readonly number[]
  /** Whether to keep where the model looked. */
  readonly alignment?: boolean
  /** Ends the walk before its next step. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Leads the hypotheses of all images through the model, a word at a time: the one loop of beam search and sampling.
 * An image starts with `first` empty hypotheses and is done when `choose` gives no more; it then stays in the batch as
 * padding. What happens to an image does not depend on the others.
 * @param k continuations wanted of a hypothesis of `length` words
 * @param choose the hypotheses of an image that go on, each one word longer than the one it comes from
 * @throws ShowtellError NUMERIC when a log-probability is not a number; the signal's reason
 */
export async function walk<State>(
  model: SequenceModel<State>,
  options: WalkOptions,
  k: (length: number) => number,
  choose: (image: number, forks: readonly Fork[]) => Path[],
  first = 1,
): Promise<void> {
  const { constraints, start, signal } = options
  const { images, vocabularySize } = model
  if (typeof start !== 'number' && start.length !== images)
    throw expected(`a token for each of ${images} images`, 'start', start.length)
  const startOf = (image: number): number => (typeof start === 'number' ? start : start[image]!)
  if (constraints.vocabularySize !== vocabularySize)
    throw expected(`the model's ${vocabularySize} tokens`, 'constraints', constraints.vocabularySize)
  let live = Array.from({ length: images }, (_, image) =>
    Array.from({ length: first }, () => new Path(undefined, startOf(image), 0)),
  )
  let state: State = await model.start()
  const replace = (next: State) => {
    model.release(state)
    state = next
  }
  try {
    for (let length = 0; live.some((paths) => paths.length > 0); length++) {
      signal?.throwIfAborted()
      const hypotheses = Math.max(...live.map((paths) => paths.length))
      const tokens = new Int32Array(images * hypotheses).fill(startOf(0))
      const parents = new Int32Array(images * hypotheses)
      live.forEach((paths, image) => {
        paths.forEach((path, row) => {
          tokens[image * hypotheses + row] = path.token
          parents[image * hypotheses + row] = path.before?.row ?? 0
          path.row = row
        })
      })
      if (length > 0 || hypotheses > 1) replace(model.select(state, parents))
      const width = Math.min(vocabularySize, k(length))
      const { continuations, state: after } = await model.step(tokens, state, width, constraints.bias(length))
      replace(after)
      const { alignment } = continuations
      const regions = alignment === undefined ? 0 : alignment.length / tokens.length
      live = live.map((paths, image) => {
        if (paths.length === 0) return paths
        const forks = paths.map((path, row): Fork => {
          const at = image * hypotheses + row
          const logProbs = continuations.logProbs.subarray(at * width, (at + 1) * width)
          // One value that is not a number makes every probability of its row so.
          if (Number.isNaN(logProbs[0]))
            throw new ShowtellError(
              'NUMERIC',
              `Expected log-probabilities for image ${image} but received NaN`,
            )
          if (options.alignment) path.looked = alignment?.slice(at * regions, (at + 1) * regions)
          return {
            path,
            tokens: continuations.tokens.subarray(at * width, (at + 1) * width),
            logProbs,
            forbids: constraints.forbidden(path),
          }
        })
        return choose(image, forks)
      })
    }
  } finally {
    model.release(state)
  }
}
