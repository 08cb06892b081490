import { Router } from 'express'
import { requireKey } from '../access.js'
import { only } from '../failure.js'
import type { Service } from '../service.js'

/** What captions the photos. */
export function models({ captioner, reload }: Service): Router {
  const router = Router()
  router
    .route('/v1/model')
    .get((_req, res) => void res.json(captioner.model))
    .all(only('GET'))
  router
    .route('/v1/models')
    .get((_req, res) => void res.json({ models: [captioner.model] }))
    .all(only('GET'))
  // Without keys in the settings nobody has one.
  router
    .route('/v1/models/reload')
    .post(requireKey, async (_req, res) => void res.json(await reload()))
    .all(only('POST'))
  return router
}
