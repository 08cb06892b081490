import { Router } from 'express'
import { expected } from '../../errors.js'
import { captionsOf } from '../desk.js'
import { only } from '../failure.js'
import { MAX_CAPTIONS, metadataOf, predictAnswer } from '../max.js'
import type { Service } from '../service.js'
import { readForm } from '../upload.js'

/** The two routes of IBM's MAX Image Caption Generator. */
export function max({ captioner, desk, options }: Service): Router {
  const router = Router()
  router
    .route('/model/predict')
    .post(async (req, res) => {
      const { photos } = await desk.receive(() => readForm(req, res, options))
      if (photos.length !== 1) throw expected('one', 'the number of images', photos.length)
      const request = desk.accept({ count: MAX_CAPTIONS })
      const [result] = await desk.caption(res, photos, request)
      res.json(predictAnswer(captionsOf(result!)))
    })
    .all(only('POST'))
  router
    .route('/model/metadata')
    .get((_req, res) => void res.json(metadataOf(captioner.model)))
    .all(only('GET'))
  return router
}
