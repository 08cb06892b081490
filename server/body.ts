import type { Request, RequestHandler, Response } from 'express'
import { ShowtellError } from '../errors.js'

/** Names of files are repeated in answers and messages; nobody needs longer ones. */
export const MOST_NAME = 255

/** A photo of a request; an error where it is known already that it cannot be captioned. */
export interface UploadedPhoto {
  readonly file?: string
  readonly content: Uint8Array | ShowtellError
}

/**
 * Runs one of express' body parsers.
 * @throws ShowtellError IMAGE_TOO_LARGE beyond `limit` bytes, or what the parser throws.
 */
export function parse(parser: RequestHandler, req: Request, res: Response, limit: number): Promise<void> {
  return new Promise((resolve, reject) => {
    parser(req, res, (error?: unknown) => {
      if (error === undefined) return resolve()
      const isLarge = (error as { type?: string }).type === 'entity.too.large'
      reject(isLarge ? tooLarge(limit, 'the body', 'more') : error)
    })
  })
}

/** More bytes than the limit; `received` is their number where it is known. */
export function tooLarge(limit: number, where: string, received: number | string): ShowtellError {
  return new ShowtellError(
    'IMAGE_TOO_LARGE',
    `Expected at most ${limit} bytes for ${where} but received ${received}`,
    { where },
  )
}
