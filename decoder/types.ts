import type { ShowtellError } from '../errors.js'
import type { CaptionRequest } from './options.js'

/** A photo: the path of a file or its `file:` URL, also as text, or its bytes. */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer | Blob

export interface Caption {
  /** As people read it: first letter upper case, full stop, no spaces before punctuation. */
  readonly text: string
  /** The words, as the metrics see them: lower case, apart ("man", "'s"). */
  readonly tokens: readonly string[]
  /** Sum of the log-probabilities of the words and the end, nats. */
  readonly logProb: number
  /** Log-probability of each word, nats. */
  readonly wordLogProbs: readonly number[]
  /** logProb after length normalisation. */
  readonly score: number
  /** Calibrated probability that people would name every object that the caption names; ½ where the model is not `calibrated`. */
  readonly confidence: number
  /**
   * Where the model looked: one row a word, one share a region to four decimals, rows summing to 1 within that. Only when
   * asked for and the model attends.
   */
  readonly attention?: readonly (readonly number[])[]
}

export interface CaptionedPhoto {
  /** The best first, then others that differ from it in content; samples by their scores. Never empty. */
  readonly captions: readonly Caption[]
  /** Milliseconds spent on this photo's batch, divided by its photos. */
  readonly timing: { readonly decode: number; readonly encode: number; readonly search: number }
}

/** Of several bundles together the names and versions of all, and which encoders, cells and attentions they have. */
export interface ModelDescription {
  readonly name: string
  /** Tells bundles of the same name apart: of their sums and settings. */
  readonly version: string
  readonly encoder: string
  readonly cell: string
  readonly attention: string
  readonly styles: readonly string[]
  readonly vocabularySize: number
  /** Rows and columns of the grid of regions that `attention` speaks of. */
  readonly grid: readonly [number, number]
  /** `onnx` or the TensorFlow.js backend in use, and why if it is a fallback. */
  readonly engine: string
  /** Whether confidences mean something: several bundles together, and one nobody calibrated, say ½ of everything. */
  readonly calibrated: boolean
  /** What it may be used for, given what it learnt from; absent where its maker stated none. */
  readonly terms?: string
}

/** What becomes of a model's process after it has opened the bundle, and why. */
export type ModelEvent =
  | { readonly kind: 'died' | 'not replaced'; readonly error: Error }
  | { readonly kind: 'replaced' }

export interface Captioner {
  readonly model: ModelDescription
  /** Whether its process is there: not after `close`, and not while one that died is being replaced. */
  readonly isOpen: boolean
  /**
   * Captions photos, many at a time. The answer has one entry a photo, in order: the captions, or the error of that
   * photo (one damaged file does not fail the others).
   * @param signal ends the work when nobody wants it any more; once this has rejected, the model is free for others.
   * @throws ShowtellError INVALID_ARGUMENT for an option out of range or no list of photos, INTERNAL if the model's process died:
   * the next call has another; ABORTED after `close`. The signal's reason.
   */
  caption(
    images: readonly ImageInput[],
    options?: CaptionRequest,
    signal?: AbortSignal,
  ): Promise<(CaptionedPhoto | ShowtellError)[]>
  /** Ends the model's process and frees its memory. Calls under way reject with ABORTED; closing again does nothing. */
  close(): Promise<void>
}
