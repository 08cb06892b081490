/** What the search sees of a model for one step: the best k continuations of every hypothesis. */
export interface Continuations {
  /** Token ids, [images, hypotheses, k] row by row, most probable first. */
  readonly tokens: Int32Array
  /** Log-probabilities in nats, same layout, falling. */
  readonly logProbs: Float32Array
  /** Where each hypothesis looked, [images, hypotheses, regions]; absent for a model without attention. */
  readonly alignment?: Float32Array
}

/**
 * A model as the search sees it: no tensors, no words. `State` is whatever the model carries from word to word for
 * all hypotheses of all images.
 */
export interface SequenceModel<State> {
  readonly images: number
  readonly vocabularySize: number
  /** The state before the first word, one hypothesis an image. */
  start(): Promise<State>
  /** Feeds `tokens` [images, hypotheses] and gives the best `k` continuations with the state after them. */
  step(tokens: Int32Array, state: State, k: number): Promise<{ continuations: Continuations; state: State }>
  /** The state whose hypotheses are those at `parents` [images, hypotheses], counted within each image. */
  select(state: State, parents: Int32Array): State
}
