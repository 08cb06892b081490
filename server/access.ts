import { createHash, timingSafeEqual } from 'node:crypto'
import cors from 'cors'
import { type RequestHandler, type Response, Router } from 'express'
import { ipKeyGenerator, rateLimit } from 'express-rate-limit'
import { expected, ShowtellError } from '../errors.js'
import { clientAddress } from './client-address.js'
import type { ServiceOptions } from './config.js'

/** What costs something or tells of the model; the page and the reference of the service are for everybody. */
const GUARDED = ['/v1', '/v2', '/model']

const MINUTE = 60_000

/** Who may ask for captions: pages of these origins, with one of these keys, so many times a minute. */
export function access({ apiKeys, corsOrigins, rateLimit: limit }: ServiceOptions): Router {
  const router = Router()
  if (corsOrigins.length > 0)
    router.use(
      cors({
        origin: corsOrigins.includes('*') ? '*' : [...corsOrigins],
        exposedHeaders: [
          'ETag',
          'Inference-Header-Content-Length',
          'RateLimit',
          'Retry-After',
          'X-Request-Id',
        ],
        maxAge: MINUTE / 1000,
      }),
    )
  router.use(GUARDED, recognise(apiKeys))
  // Before keys are asked for, so that guesses are counted too.
  if (limit > 0) router.use(GUARDED, limitRate(limit))
  if (apiKeys.length > 0) router.use(GUARDED, requireKey)
  return router
}

/** Whether the request came with a key; without keys in the settings none does. */
function hasKey(res: Response): boolean {
  return res.locals.key !== undefined
}

/** Lets requests with a key pass. */
export const requireKey: RequestHandler = (req, res, next) => {
  if (hasKey(res)) return next()
  res.set('WWW-Authenticate', 'Bearer')
  const received =
    req.get('authorization') === undefined && req.get('x-api-key') === undefined ? 'none' : 'another'
  throw new ShowtellError(
    'UNAUTHORIZED',
    `Expected a key of this service for Authorization or X-API-Key but received ${received}`,
    { where: 'Authorization' },
  )
}

/** Notes by its place which key a request came with. */
function recognise(keys: readonly string[]): RequestHandler {
  const known = keys.map(digest)
  return (req, res, next) => {
    // A Bearer token may be for somebody in between, and the key of this service beside it.
    const bearer = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '')?.[1]
    for (const given of [bearer, req.get('x-api-key')]) {
      if (given === undefined || hasKey(res)) continue
      const unknown = digest(given)
      // All of them, and digests of one length: the time taken tells nothing of how much of which key was right.
      const matches = known.map((key) => timingSafeEqual(key, unknown))
      const place = matches.indexOf(true)
      if (place >= 0) res.locals.key = place
    }
    next()
  }
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

function limitRate(limit: number): RequestHandler {
  return rateLimit({
    windowMs: MINUTE,
    limit,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: (req, res) => (hasKey(res) ? `key ${res.locals.key}` : ipKeyGenerator(clientAddress(req))),
    handler: (_req, _res, next) =>
      next(expected(`at most ${limit} a minute`, 'requests', 'more', 'RATE_LIMITED')),
    // A stranger's X-Forwarded-For is no reason to write to the console.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
  })
}
