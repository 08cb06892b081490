import { type ErrorRequestHandler, type RequestHandler, Router } from 'express'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ModelDescription } from '../decoder/types.js'
import type { ErrorCode } from '../errors.js'
import { mostResident } from '../resident.js'
import type { PhotoResult } from './answer.js'
import type { BatchObserver } from './batcher.js'
import type { Outcomes } from './restarts.js'

/** What the service counts, in Prometheus' words. */
export interface Metrics extends BatchObserver {
  readonly registry: Registry
  /** Counts and times every request by its route. */
  readonly middleware: RequestHandler
  /** Reading the body of a request took so many milliseconds. */
  onUpload(time: number): void
  /** The cache was asked for a photo. */
  onLookUp(isHit: boolean): void
  onResults(results: readonly PhotoResult[]): void
  /** So many photos of a client who has their captions. */
  onUnchanged(photos: number): void
  /** Captioning failed for so many photos together. */
  onFailure(code: ErrorCode, photos: number): void
}

/** What is read when somebody asks for the metrics. */
export interface Gauges {
  /** Photos that wait. */
  readonly queue: () => number
  /** Bytes of the answers that are kept. */
  readonly cache: () => number
  /** Bytes of requests and answers that are held. */
  readonly held: () => number
  /** What is served now. */
  readonly model: () => ModelDescription
  /** Connections that were closed, since there were too many. */
  readonly dropped: () => number
  /** How the tries to replace the model's process ended. */
  readonly restarts: Readonly<Outcomes>
  /** How the tries to replace the bundle ended. */
  readonly reloads: Readonly<Outcomes>
}

export function createMetrics({ queue, cache, held, model, dropped, restarts, reloads }: Gauges): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  gauge('showtell_queue_photos', 'Photos that wait for a batch', queue)
  gauge('showtell_held_bytes', 'Bytes of requests and answers that are held', held)
  gauge('showtell_cache_bytes', 'Bytes of the answers that are kept', cache)
  gauge(
    'showtell_peak_memory_bytes',
    'Most bytes that this process ever had resident; the model has a process of its own',
    mostResident,
  )
  new Gauge({
    name: 'showtell_model_info',
    help: '1 for the model that is served, and the engine that runs it',
    labelNames: ['name', 'version', 'engine'],
    registers,
    collect() {
      const { name, version, engine } = model()
      this.reset()
      this.set({ name, version, engine }, 1)
    },
  })
  new Counter({
    name: 'showtell_dropped_connections_total',
    help: 'Connections that were closed, since there were too many',
    registers,
    collect() {
      this.reset()
      this.inc(dropped())
    },
  })
  const outcomes = (name: string, help: string, counts: Readonly<Outcomes>): Counter =>
    new Counter({
      name,
      help,
      labelNames: ['outcome'],
      registers,
      collect() {
        this.reset()
        for (const [outcome, count] of Object.entries(counts)) this.inc({ outcome }, count)
      },
    })
  outcomes(
    'showtell_model_restarts_total',
    "Tries to replace a model's process that died, by outcome: replaced or failed",
    restarts,
  )
  outcomes('showtell_reloads_total', 'Tries to replace the bundle, by outcome: replaced or failed', reloads)
  const seconds = new Histogram({
    name: 'showtell_request_seconds',
    help: 'Time from the head of a request to the end of its answer',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  const stages = new Histogram({
    name: 'showtell_stage_seconds',
    help: 'Time of a photo in each stage: upload is of the whole request; decode, encode and search are its share of the batch',
    labelNames: ['stage'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers,
  })
  const batches = new Histogram({
    name: 'showtell_batch_photos',
    help: 'Photos captioned together',
    buckets: [1, 2, 4, 8, 16, 32, 64],
    registers,
  })
  const photos = new Counter({
    name: 'showtell_photos_total',
    help: 'Photos answered, by outcome: captioned, unchanged (304), or the code of the error',
    labelNames: ['outcome'],
    registers,
  })
  const lookUps = new Counter({
    name: 'showtell_cache_photos_total',
    help: 'Photos looked up in the cache, by result: hit or miss',
    labelNames: ['result'],
    registers,
  })
  const errors = new Counter({
    name: 'showtell_errors_total',
    help: 'Requests that failed as a whole, by code',
    labelNames: ['code'],
    registers,
  })
  return {
    registry,
    middleware: (req, res, next) => {
      const stop = seconds.startTimer({ method: req.method })
      res.once('close', () => {
        // Unknown paths share one label: a stranger must not be able to make new ones.
        stop({ route: req.route === undefined ? 'other' : String(req.route.path), status: res.statusCode })
        if (typeof res.locals.code === 'string') errors.inc({ code: res.locals.code })
      })
      next()
    },
    onBatch(waits) {
      batches.observe(waits.length)
      for (const wait of waits) stages.observe({ stage: 'queue' }, wait)
    },
    onUpload: (time) => stages.observe({ stage: 'upload' }, time / 1000),
    onLookUp: (isHit) => lookUps.inc({ result: isHit ? 'hit' : 'miss' }),
    onResults(results) {
      for (const result of results) {
        if ('error' in result) {
          photos.inc({ outcome: result.error.code })
          continue
        }
        photos.inc({ outcome: 'captioned' })
        // What was known already took no time of any stage.
        if (Object.values(result.timing).every((time) => time === 0)) continue
        for (const [stage, time] of Object.entries(result.timing)) stages.observe({ stage }, time / 1000)
      }
    },
    onUnchanged: (known) => photos.inc({ outcome: 'unchanged' }, known),
    onFailure: (code, failed) => photos.inc({ outcome: code }, failed),
  }
}

/**
 * Finds the route of each request before a guard may refuse it: express leaves the one that matched last in `req.route`.
 * @param routers those with the routes.
 */
export function nameRoutes(routers: readonly Router[]): Router {
  const names = Router()
  for (const { route } of routers.flatMap(({ stack }) => stack))
    if (route !== undefined) names.all(route.path, (_req, _res, next) => next('router'))
  // A path that cannot be decoded, too, is refused by the guards first.
  names.use(((_error, _req, _res, next) => next()) as ErrorRequestHandler)
  return names
}
