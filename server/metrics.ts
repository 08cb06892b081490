import type { RequestHandler } from 'express'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { PhotoResult } from './answer.js'
import type { BatchObserver } from './batcher.js'

/** What the service counts, in Prometheus' words. */
export interface Metrics extends BatchObserver {
  readonly registry: Registry
  /** Counts and times every request by its route. */
  readonly middleware: RequestHandler
  onResults(results: readonly PhotoResult[]): void
}

/** @param queueDepth photos that wait, read when somebody asks. */
export function createMetrics(queueDepth: () => number): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'showtell_queue_photos',
    help: 'Photos that wait for a batch',
    registers,
    collect() {
      this.set(queueDepth())
    },
  })
  const seconds = new Histogram({
    name: 'showtell_request_seconds',
    help: 'Time from the head of a request to the end of its answer',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  const stages = new Histogram({
    name: 'showtell_stage_seconds',
    help: 'Time of a photo in each stage; decode, encode and search are its share of the batch',
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
    help: 'Photos answered, by outcome: captioned, or the code of the error',
    labelNames: ['outcome'],
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
    onResults(results) {
      for (const result of results) {
        if ('error' in result) {
          photos.inc({ outcome: result.error.code })
          continue
        }
        photos.inc({ outcome: 'captioned' })
        for (const [stage, time] of Object.entries(result.timing)) stages.observe({ stage }, time / 1000)
      }
    },
  }
}
