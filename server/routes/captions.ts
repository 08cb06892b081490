import { Router } from 'express'
import { captionOptionsSchema } from '../../decoder/options.js'
import type { CaptionsAnswer } from '../answer.js'
import { holdAnswer } from '../body.js'
import { matches, tagOf } from '../cache.js'
import { only } from '../failure.js'
import type { Service } from '../service.js'
import { readUpload } from '../upload.js'
import { type Texts, valuesOf } from '../values.js'

/** `POST /v1/captions`: photos in, captions out. */
export function captions({ captioner, desk, metrics, options }: Service): Router {
  const router = Router()
  router
    .route('/v1/captions')
    .post(async (req, res) => {
      const query = valuesOf(captionOptionsSchema, req.query as Texts)
      // Whether or not the body says something else by the same name.
      desk.checkEach(query, 'the query')
      const upload = await desk.receive(() => readUpload(req, res, options))
      const request = desk.accept({ ...query, ...upload.options })
      const fingerprints = await desk.fingerprints(res, upload.photos, request)
      const tag = tagOf(fingerprints)
      // A request changes nothing, so that it is answered like a GET: whoever names the tag has these captions.
      if (tag !== undefined && matches(req.get('If-None-Match') ?? '', tag)) {
        metrics.onUnchanged(upload.photos.length)
        return void res.status(304).set('ETag', tag).end()
      }
      const results = await desk.caption(res, upload.photos, request, fingerprints)
      const { model } = captioner
      // While a model is replaced another may have answered than the one that was asked.
      const isSame = model === fingerprints.model
      const answer: CaptionsAnswer = {
        model: model.name,
        ...(isSame ? { version: model.version } : {}),
        requestId: String(req.id),
        results: results.map((result) => result.answer),
      }
      const body = Buffer.from(JSON.stringify(answer))
      holdAnswer(res, body.length)
      const isWhole = results.every(({ failure }) => failure === undefined)
      if (tag !== undefined && isWhole && isSame) res.set('ETag', tag)
      res.type('json').send(body)
    })
    .all(only('POST'))
  return router
}
