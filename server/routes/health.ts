import { Router } from 'express'
import { only } from '../failure.js'
import type { Service } from '../service.js'

/** For whoever watches the service: whether it lives, whether to send it requests, what it has counted. */
export function health({ isReady, metrics }: Service): Router {
  const router = Router()
  router
    .route('/livez')
    .get((_req, res) => void res.json({ status: 'alive' }))
    .all(only('GET'))
  router
    .route('/readyz')
    .get((_req, res) => {
      const ready = isReady()
      res.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'not ready' })
    })
    .all(only('GET'))
  router
    .route('/metrics')
    .get(async (_req, res) => {
      res.type(metrics.registry.contentType).send(await metrics.registry.metrics())
    })
    .all(only('GET'))
  return router
}
