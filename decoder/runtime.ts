import type { SequenceModel } from '../search/model.js'

/** A bundle ready to run on one engine. */
export interface Runtime {
  /**
   * Encodes photos, uint8 [images, size, size, 3], into a model that the search can walk.
   * @param alignment whether `step` is to tell where the decoder looks.
   * @param signal ends it before the next few photos.
   */
  encode(pixels: Uint8Array, images: number, alignment: boolean, signal?: AbortSignal): Promise<PhotoModel>
  close(): Promise<void>
}

/** The decoder over some encoded photos; its states are the runtime's own. */
export interface PhotoModel extends SequenceModel<unknown> {
  /**
   * As `step`, but every log-probability in the order of the tokens, [images, hypotheses, vocabulary]: for whoever
   * reads all of them, to whom an order by size would be work to do and to undo.
   */
  rows(
    tokens: Int32Array,
    state: unknown,
    bias: Float32Array,
  ): Promise<{ logProbs: Float32Array; alignment?: Float32Array; state: unknown }>
  /** Frees what was kept for the photos. */
  dispose(): void
}
