import { setImmediate } from 'node:timers/promises'
import pLimit from 'p-limit'
import { z } from 'zod'
import { beginningOf, expected, type ShowtellError } from '../errors.js'
import { sized } from './body.js'
import type { ServiceOptions } from './config.js'

/** What browsers put before the base64 of a photo (RFC 2397). Of which type it is shows when it is decoded. */
const DATA_ADDRESS = /^data:image\/[\w.+-]{1,127};base64,/i

/** Looked at when it is decoded: a pattern would go through megabytes once more. */
export const base64Schema = z.string().min(1).meta({
  description: 'The file, base64; a data address of an image is taken, too',
  format: 'byte',
  contentEncoding: 'base64',
})

/** The bytes, or why there are none: INVALID_IMAGE, IMAGE_TOO_LARGE. */
export function decodeBase64(
  given: string,
  where: string,
  limits: ServiceOptions,
): Uint8Array | ShowtellError {
  const text = given.slice(DATA_ADDRESS.exec(given)?.[0].length ?? 0)
  const bytes = Buffer.from(text, 'base64')
  // Node passes over what is not base64, so a shorter result shows that there was some.
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const isBase64 = bytes.length > 0 && bytes.length === Math.floor(((text.length - padding) * 3) / 4)
  return isBase64
    ? sized(bytes, where, limits)
    : expected('base64', where, beginningOf(given, 20), 'INVALID_IMAGE')
}

/** Runs pieces of work one after the other, each of which may take milliseconds, so that others get their turn in between. */
export function inTurns(): <Result>(work: () => Result) => Promise<Result> {
  const one = pLimit(1)
  return (work) => one(() => setImmediate().then(work))
}
