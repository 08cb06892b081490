import { Router } from 'express'
import { only } from '../failure.js'
import type { Service } from '../service.js'

/** What captions the photos. */
export function models({ captioner }: Service): Router {
  const router = Router()
  router
    .route('/v1/model')
    .get((_req, res) => void res.json(captioner.model))
    .all(only('GET'))
  router
    .route('/v1/models')
    .get((_req, res) => void res.json({ models: [captioner.model] }))
    .all(only('GET'))
  return router
}
