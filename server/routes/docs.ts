import { fileURLToPath } from 'node:url'
import express, { Router } from 'express'
import { RELEASE } from '../../release.js'
import { only } from '../failure.js'
import { secureHeaders } from '../headers.js'
import { specification } from '../openapi.js'
import type { Service } from '../service.js'

/** The page with its script; the build puts swagger-ui-dist beside it. */
const DOCS = fileURLToPath(new URL('../docs', import.meta.url))

/** The specification of the service, and a page that shows it; everything comes from here. */
export function docs({ captioner, options }: Service): Router {
  const router = Router()
  const specify = specification(options, RELEASE)
  router
    .route('/openapi.json')
    .get((_req, res) => void res.json(specify(captioner.model)))
    .all(only('GET'))
  // Relative, so that it holds behind a proxy that takes a prefix away, too.
  router.use(/^\/docs$/, (_req, res) => res.redirect(301, 'docs/'))
  // Its style sheet has its icons in it.
  router.use('/docs', secureHeaders('data:'), express.static(DOCS))
  return router
}
