import { fileURLToPath } from 'node:url'
import express, { type Express, type RequestHandler } from 'express'
import { type Logger, pino } from 'pino'
import type { Captioner } from '../decoder/types.js'
import { access } from './access.js'
import { Batcher } from './batcher.js'
import { guardBodies } from './body.js'
import { CaptionCache } from './cache.js'
import { trustProxies } from './client-address.js'
import type { ServiceOptions } from './config.js'
import { Desk } from './desk.js'
import { answerErrors, noteAborted, notFound } from './failure.js'
import { secureHeaders } from './headers.js'
import { logRequests } from './log.js'
import { Memory } from './memory.js'
import { createMetrics, nameRoutes } from './metrics.js'
import { limitDownload } from './patience.js'
import type { Outcomes } from './restarts.js'
import { captions } from './routes/captions.js'
import { docs } from './routes/docs.js'
import { health } from './routes/health.js'
import { max } from './routes/max.js'
import { models } from './routes/models.js'
import { v2, v2Health } from './routes/v2.js'
import type { Service } from './service.js'
import { oneByOne, refuseDropped } from './turns.js'

export interface AppSettings {
  readonly captioner: Captioner
  readonly options: ServiceOptions
  readonly logger?: Logger
  readonly isReady?: Service['isReady']
  readonly reload: Service['reload']
  /** How the tries to replace the model's process, and those to replace the bundle, ended. */
  readonly restarts?: Outcomes
  readonly reloads?: Outcomes
  /** Connections that were closed, since there were too many. */
  readonly dropped?: () => number
  /** Sees each request first, when it is its turn. */
  readonly watch?: RequestHandler
}

const PAGE = fileURLToPath(new URL('page', import.meta.url))

/**
 * The service as an express app: it listens to nothing yet. The one place that says in which order a request meets
 * what guards and what answers.
 */
export function createApp({
  captioner,
  options,
  logger = pino({ level: 'silent' }),
  isReady = () => true,
  reload,
  restarts = { replaced: 0, failed: 0 },
  reloads = { replaced: 0, failed: 0 },
  dropped = () => 0,
  watch = (_req, _res, next) => next(),
}: AppSettings): Express {
  const cache = new CaptionCache(options.cacheBytes)
  const memory = new Memory(options.maxHeldBytes)
  const metrics = createMetrics({
    queue: () => batcher.depth,
    cache: () => cache.bytes,
    held: () => memory.held,
    model: () => captioner.model,
    dropped,
    restarts,
    reloads,
  })
  const batcher = new Batcher(captioner, options, metrics)
  const desk = new Desk(captioner, batcher, cache, metrics, options)
  const service: Service = { captioner, desk, metrics, options, isReady, reload }
  const app = express()
  // Captions have a tag of their own; nothing else is asked for again and again.
  app.set('etag', false)
  trustProxies(app, options.trustProxy)

  app.use(oneByOne, watch, limitDownload(options.downloadTimeout))
  app.use(noteAborted)
  app.use(logRequests(logger))
  // The page shows photos that never left the browser.
  app.use(secureHeaders('blob:'))
  app.use(metrics.middleware)
  // What watches the service is answered whatever the guards below say.
  app.use(health(service))
  app.use(v2Health(service))
  const routers = [captions(service), models(service), v2(service), max(service), docs(service)]
  app.use(nameRoutes(routers))
  // Guards of everything else, one a line: who may ask, from where and how often, and with which body.
  app.use(access(options))
  app.use(refuseDropped)
  app.use(guardBodies(options, memory))
  app.use(routers)
  app.use(express.static(PAGE))
  app.use(notFound, answerErrors)
  return app
}
