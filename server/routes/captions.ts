import { Router } from 'express'
import { captionOptionsSchema } from '../../decoder/options.js'
import { validate } from '../../decoder/validate.js'
import type { CaptionsAnswer } from '../answer.js'
import { only } from '../failure.js'
import type { Service } from '../service.js'
import { readUpload } from '../upload.js'

/** `POST /v1/captions`: photos in, captions out. */
export function captions({ captioner, desk, options }: Service): Router {
  const router = Router()
  router
    .route('/v1/captions')
    .post(async (req, res) => {
      desk.admit()
      const upload = await readUpload(req, res, options)
      const request = validate(captionOptionsSchema, upload.options)
      const results = await desk.caption(req, res, upload.photos, request)
      const answer: CaptionsAnswer = {
        model: captioner.model.name,
        requestId: String(req.id),
        results: results.map((result) => result.answer),
      }
      res.json(answer)
    })
    .all(only('POST'))
  return router
}
