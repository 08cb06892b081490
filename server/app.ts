import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import express, { type Express, type RequestHandler, type Response } from 'express'
import helmet from 'helmet'
import { type Logger, pino } from 'pino'
import { pinoHttp } from 'pino-http'
import { type CaptionOptions, captionOptionsSchema } from '../decoder/options.js'
import type { Captioner } from '../decoder/types.js'
import { validate } from '../decoder/validate.js'
import { ShowtellError } from '../errors.js'
import type { CaptionsAnswer, PhotoResult } from './answer.js'
import { Batcher } from './batcher.js'
import type { ServiceOptions } from './config.js'
import { answerErrors, asFailure, notFound, only } from './failure.js'
import { createMetrics } from './metrics.js'
import { readUpload, type UploadedPhoto } from './upload.js'

export interface AppSettings {
  readonly captioner: Captioner
  readonly options: ServiceOptions
  readonly logger?: Logger
  /** Whether to be sent requests: not before the first caption, and not while shutting down. */
  readonly isReady?: () => boolean
}

const PAGE = fileURLToPath(new URL('page', import.meta.url))

/** The service as an express app: it listens to nothing yet. */
export function createApp({
  captioner,
  options,
  logger = pino({ level: 'silent' }),
  isReady = () => true,
}: AppSettings): Express {
  const metrics = createMetrics(() => batcher.depth)
  const batcher = new Batcher(captioner, options, metrics)
  const app = express()

  app.use(logRequests(logger), secureHeaders(), metrics.middleware)
  app
    .route('/livez')
    .get((_req, res) => void res.json({ status: 'alive' }))
    .all(only('GET'))
  app
    .route('/readyz')
    .get((_req, res) => {
      const ready = isReady()
      res.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'not ready' })
    })
    .all(only('GET'))
  app
    .route('/metrics')
    .get(async (_req, res) => {
      res.type(metrics.registry.contentType).send(await metrics.registry.metrics())
    })
    .all(only('GET'))
  app
    .route('/v1/model')
    .get((_req, res) => void res.json(captioner.model))
    .all(only('GET'))
  app
    .route('/v1/captions')
    .post(async (req, res) => {
      // Before the body is read: what cannot be captioned is not received either.
      batcher.admit(1)
      const upload = await readUpload(req, res, options)
      const request = validate(captionOptionsSchema, upload.options)
      const { signal, end } = patience(res, options.deadline)
      try {
        const results = await captionPhotos(batcher, upload.photos, request, signal)
        metrics.onResults(results.map(({ answer }) => answer))
        for (const { failure } of results) if (failure?.code === 'INTERNAL') req.log.error({ err: failure })
        const [first] = results
        if (results.length === 1 && first?.failure !== undefined) throw first.failure
        const answer: CaptionsAnswer = {
          model: captioner.model.name,
          requestId: String(req.id),
          results: results.map((result) => result.answer),
        }
        res.json(answer)
      } finally {
        end()
      }
    })
    .all(only('POST'))
  app.use(express.static(PAGE))
  app.use(notFound, answerErrors)
  return app
}

/** Structured lines without bodies, headers or query: no photo and no key gets into a log. */
function logRequests(logger: Logger): RequestHandler {
  const quiet = new Set(['/livez', '/readyz', '/metrics'])
  return pinoHttp({
    logger,
    genReqId: (req, res) => {
      const given = req.headers['x-request-id']
      const id = typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID()
      res.setHeader('X-Request-Id', id)
      return id
    },
    autoLogging: { ignore: (req) => quiet.has(req.url ?? '') },
    customLogLevel: (_req, res) => (res.statusCode >= 500 ? 'error' : 'info'),
    quietReqLogger: true,
    customSuccessObject: (_req, res, line) => ({ ...line, code: (res as Response).locals.code }),
    serializers: {
      req: ({ method, url, remoteAddress }) => ({
        method,
        path: String(url).split('?')[0],
        remoteAddress,
      }),
      res: ({ statusCode }) => ({ statusCode }),
    },
  })
}

/** The page needs its own files and nothing else; whether there is TLS only the proxy before the service knows. */
function secureHeaders(): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: false,
  })
}

/** A signal that ends the wait for captions when the client goes away or the deadline is over. */
function patience(res: Response, deadline: number): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController()
  const timer = setTimeout(
    () =>
      controller.abort(
        new ShowtellError('DEADLINE', `Expected captions within ${deadline} ms but they took longer`),
      ),
    deadline,
  )
  const onClose = (): void =>
    controller.abort(new ShowtellError('ABORTED', 'Expected a client to answer but it went away'))
  res.once('close', onClose)
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer)
      res.off('close', onClose)
    },
  }
}

interface Result {
  readonly answer: PhotoResult
  readonly failure?: ShowtellError
}

async function captionPhotos(
  batcher: Batcher,
  photos: readonly UploadedPhoto[],
  options: CaptionOptions,
  signal: AbortSignal,
): Promise<Result[]> {
  const whole = photos.map(({ content }) => content).filter((content) => content instanceof Uint8Array)
  const captioned = (await batcher.caption(whole, options, signal)).values()
  return photos.map(({ file, content }, i): Result => {
    const named = file === undefined ? {} : { file }
    const outcome = content instanceof Uint8Array ? captioned.next().value! : content
    if (!(outcome instanceof Error)) return { answer: { ...named, ...outcome } }
    const failure = renamed(
      asFailure(outcome),
      file ?? (photos.length === 1 ? 'the image' : `image ${i + 1}`),
    )
    return { answer: { ...named, error: { code: failure.code, message: failure.message } }, failure }
  })
}

/** The captioner names a photo by its place in the batch, which holds the photos of others too. */
function renamed(failure: ShowtellError, name: string): ShowtellError {
  if (failure.where === undefined) return failure
  const message = failure.message.replaceAll(failure.where, () => name)
  return new ShowtellError(failure.code, message, { where: name, cause: failure })
}
