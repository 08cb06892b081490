import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { Request, RequestHandler, Response } from 'express'
import pLimit from 'p-limit'
import { expected, messageOf, ShowtellError } from '../errors.js'
import { Blocks, joined } from './blocks.js'
import type { ServiceOptions } from './config.js'
import type { Memory } from './memory.js'

/** Names of files are repeated in answers and messages; nobody needs longer ones. */
export const MOST_NAME = 255

/**
 * Values, lists and objects of a JSON body: of a thousand photos with their names, and a thousand banned words. Millions fit
 * into a body and would keep the parser for seconds.
 */
const MOST_JSON_VALUES = 5_000

/** Bodies parsed together, over all requests: as text each takes as much again, or twice as much. */
const parsing = pLimit(1)

/** A photo of a request; an error where it is known already that it cannot be captioned. */
export interface UploadedPhoto {
  readonly file?: string | undefined
  readonly content: Uint8Array | ShowtellError
}

/**
 * Refuses what is too large by its own word, or compressed, before anything of it is read. The routes after this read
 * bodies by `bodyOf` and those made of it, and by nothing else.
 */
export function guardBodies(limits: ServiceOptions, memory: Memory): RequestHandler {
  return (req, res, next) => {
    const declared = Number(req.headers['content-length'] ?? 0)
    if (declared > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes, 'the body', declared)
    const encoding = req.headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity')
      throw expected('no compression', 'Content-Encoding', encoding, 'UNSUPPORTED_IMAGE')
    memory.admit(declared)
    let held = 0
    res.locals.hold = (bytes: number) => {
      memory.hold(bytes)
      held += bytes
    }
    const letGo = (): void => {
      memory.release(held)
      held = 0
    }
    res.locals.letGo = letGo
    const work: Promise<unknown>[] = []
    res.locals.work = work
    res.once('close', () => void Promise.allSettled(work).then(letGo))
    res.locals.body = (limit = Number.POSITIVE_INFINITY) =>
      receive(req, res, Math.min(limit, limits.maxBodyBytes), limits.uploadTimeout)
    next()
  }
}

/**
 * The body of a request, once. Its bytes count as held until the request is answered, and as `holdUntil` says.
 * @param limit most bytes, where they are fewer than those of any request.
 * @throws in the stream: ShowtellError IMAGE_TOO_LARGE, OVERLOADED, SLOW_BODY, INVALID_ARGUMENT where it comes in very
 * many pieces, or ABORTED when the client went away.
 */
export function bodyOf(res: Response, limit?: number): Readable {
  return (res.locals.body as (limit?: number) => Readable)(limit)
}

/**
 * Counts bytes as held until the request is answered, and as `holdUntil` says.
 * @throws ShowtellError OVERLOADED, or ABORTED when the client went away.
 */
export function hold(res: Response, bytes: number): void {
  if (res.closed) throw new ShowtellError('ABORTED', 'Expected a client to answer but it went away')
  const take = res.locals.hold as (bytes: number) => void
  take(bytes)
}

/**
 * Counts the bytes of an answer as held until its client has taken them, in place of what the request brought: nobody needs
 * that any more.
 * @throws ShowtellError OVERLOADED, or ABORTED when the client went away.
 */
export function holdAnswer(res: Response, bytes: number): void {
  const letGo = res.locals.letGo as () => void
  letGo()
  hold(res, bytes)
}

/** Counts the bytes of a request as held until this work with them has settled, too: it may outlast the answer. */
export function holdUntil(res: Response, work: Promise<unknown>): void {
  const all = res.locals.work as Promise<unknown>[]
  all.push(work)
}

/** Whether a request brings a body, be it an empty one. */
export function hasBody({ headers }: Request): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

/** @throws ShowtellError INVALID_ARGUMENT for a request that brings none. */
export function requireBody(req: Request): void {
  if (!hasBody(req)) throw expected('an image', 'the body', 'nothing at all')
}

/** The whole body. @throws ShowtellError as `bodyOf`. */
export function readBytes(res: Response, limit?: number): Promise<Buffer> {
  return joined(bodyOf(res, limit))
}

/**
 * Parses JSON. Megabytes take tens of milliseconds, so that others get their turn after each step.
 * @throws ShowtellError INVALID_ARGUMENT where it is no JSON, or JSON of very many values.
 */
export function parseJson(bytes: Buffer): Promise<unknown> {
  return parsing(() => parse(bytes))
}

async function parse(bytes: Buffer): Promise<unknown> {
  await setImmediate()
  let values = 0
  for (const sign of ',[{')
    for (let at = bytes.indexOf(sign); at >= 0; at = bytes.indexOf(sign, at + 1))
      if (++values > MOST_JSON_VALUES)
        throw expected(`at most ${MOST_JSON_VALUES} values`, 'the body', 'more')
  // Which passes over a byte order mark.
  const text = new TextDecoder().decode(bytes)
  await setImmediate()
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ShowtellError('INVALID_ARGUMENT', `Expected JSON for the body but ${messageOf(error)}`, {
      where: 'the body',
    })
  }
}

/** More bytes than the limit; `received` is their number where it is known. */
export function tooLarge(limit: number, where: string, received: number | string): ShowtellError {
  return new ShowtellError(
    'IMAGE_TOO_LARGE',
    `Expected at most ${limit} bytes for ${where} but received ${received}`,
    { where },
  )
}

/** The bytes of a photo, or the error that they are none or too many. */
export function sized(bytes: Uint8Array, where: string, limits: ServiceOptions): Uint8Array | ShowtellError {
  if (bytes.length === 0) return expected('an image', where, 'nothing at all', 'INVALID_IMAGE')
  return bytes.length > limits.maxImageBytes ? tooLarge(limits.maxImageBytes, where, bytes.length) : bytes
}

function receive(req: Request, res: Response, limit: number, timeout: number): Readable {
  let received = 0
  const take = (bytes: number): void => {
    received += bytes
    if (received > limit) throw tooLarge(limit, 'the body', 'more')
    hold(res, bytes)
  }
  // The rest of other refused bodies is read and dropped; of what comes slowly or in crumbs that would cost as much.
  const endWithIt = (): void => void res.set('Connection', 'close')
  const body = new Blocks('the body', take, endWithIt)
  const timer = setTimeout(() => {
    endWithIt()
    body.destroy(
      new ShowtellError('SLOW_BODY', `Expected the whole body within ${timeout} ms but it took longer`),
    )
  }, timeout)
  const onClose = (): void => {
    if (!req.complete)
      body.destroy(new ShowtellError('ABORTED', 'Expected the whole body but the client went away'))
  }
  req.once('close', onClose)
  body.once('close', () => {
    clearTimeout(timer)
    req.off('close', onClose)
    // So that the client, who may still be sending, gets to see the answer.
    req.unpipe(body)
    req.resume()
  })
  const declared = Number(req.headers['content-length'] ?? 0)
  if (declared > limit) body.destroy(tooLarge(limit, 'the body', declared))
  else if (req.destroyed) onClose()
  return req.pipe(body)
}
