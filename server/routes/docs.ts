import { fileURLToPath } from 'node:url'
import express, { Router } from 'express'
import { only } from '../failure.js'
import { openapi } from '../openapi.js'
import { RELEASE } from '../release.js'
import type { Service } from '../service.js'

/** The page with its script; the build puts swagger-ui-dist beside it. */
const DOCS = fileURLToPath(new URL('../docs', import.meta.url))

/** The specification of the service, and a page that shows it; everything comes from here. */
export function docs({ captioner, options }: Service): Router {
  const router = Router()
  router
    .route('/openapi.json')
    .get((_req, res) => void res.json(openapi(captioner.model, options, RELEASE)))
    .all(only('GET'))
  router.use('/docs', express.static(DOCS))
  return router
}
