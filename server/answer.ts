import type { CaptionedPhoto } from '../decoder/types.js'
import type { ErrorCode } from '../errors.js'

/** One photo of the answer: its captions, or why there are none. `file` is the name that came with it. */
export type PhotoResult =
  | ({ readonly file?: string } & CaptionedPhoto)
  | { readonly file?: string; readonly error: { readonly code: ErrorCode; readonly message: string } }

/** The answer to `POST /v1/captions`: one result a photo, in the order of the request. */
export interface CaptionsAnswer {
  readonly model: string
  readonly requestId: string
  readonly results: readonly PhotoResult[]
}

/** The answer to a request that failed as a whole. */
export interface ErrorAnswer {
  readonly error: {
    readonly code: ErrorCode
    readonly message: string
    /** The option, part or file that the message speaks of. */
    readonly where?: string
    readonly requestId: string
  }
}
