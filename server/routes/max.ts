import { Router } from 'express'
import { captionOptionsSchema } from '../../decoder/options.js'
import { expected } from '../../errors.js'
import { requireBody } from '../body.js'
import { only } from '../failure.js'
import { MAX_CAPTIONS, metadataOf, predictAnswer } from '../max.js'
import type { Service } from '../service.js'
import { readUpload } from '../upload.js'

/** The two routes of IBM's MAX Image Caption Generator. */
export function max({ captioner, desk, options }: Service): Router {
  const router = Router()
  router
    .route('/model/predict')
    .post(async (req, res) => {
      requireBody(req)
      if (!req.is('multipart/form-data'))
        throw expected(
          'multipart/form-data',
          'Content-Type',
          req.headers['content-type'],
          'UNSUPPORTED_IMAGE',
        )
      const { photos } = await desk.receive(() => readUpload(req, res, options))
      if (photos.length !== 1) throw expected('one', 'the number of images', photos.length)
      const request = captionOptionsSchema.parse({ count: MAX_CAPTIONS })
      const [result] = await desk.caption(req, res, photos, request)
      if (result === undefined || 'error' in result.answer) throw result?.failure
      res.json(predictAnswer(result.answer.captions))
    })
    .all(only('POST'))
  router
    .route('/model/metadata')
    .get((_req, res) => void res.json(metadataOf(captioner.model)))
    .all(only('GET'))
  return router
}
