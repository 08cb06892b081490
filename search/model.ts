/** What the search sees of a model for one step: the best k continuations of every hypothesis. */
export interface Continuations {
  /** Token ids, [images, hypotheses, k] row by row, most probable first. */
  readonly tokens: Int32Array
  /** Log-probabilities in nats with the bias added, same layout, falling; −Infinity is a token that cannot come. */
  readonly logProbs: Float32Array
  /** Where each hypothesis looked, [images, hypotheses, regions]; absent for a model without attention. */
  readonly alignment?: Float32Array
}

/**
 * A model as the search sees it: no tensors, no words. `State` is whatever the model carries from word to word for
 * all hypotheses of all images. `step` and `select` leave the state they are given as it is; the search hands every
 * state that it received to `release`, once.
 */
export interface SequenceModel<State> {
  readonly images: number
  readonly vocabularySize: number
  /** The state before the first word, one hypothesis an image. */
  start(): Promise<State>
  /**
   * Feeds `tokens` [images, hypotheses] and gives the best `k` continuations with the state after them. The number of
   * hypotheses may differ from step to step.
   * @param k from 1 to the vocabulary size
   * @param bias [vocabulary size], added to the log-probabilities before the best k are taken: 0, or −Infinity for a
   * token that no hypothesis may say now
   */
  step(
    tokens: Int32Array,
    state: State,
    k: number,
    bias: Float32Array,
  ): Promise<{ continuations: Continuations; state: State }>
  /** The state whose hypotheses are those at `parents` [images, hypotheses], counted within each image. */
  select(state: State, parents: Int32Array): State
  /** Frees a state that the search no longer needs. */
  release(state: State): void
}
