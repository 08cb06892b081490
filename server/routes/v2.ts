import { type Request, type RequestHandler, Router } from 'express'
import { ShowtellError } from '../../errors.js'
import { NAME, RELEASE } from '../../release.js'
import { holdAnswer, readBytes } from '../body.js'
import { captionsOf } from '../desk.js'
import { only } from '../failure.js'
import type { Service } from '../service.js'
import { INPUT, MODEL, OUTPUTS, readInference, VERSION, writeInference } from '../v2.js'

const MODEL_PATH = '/v2/models/:model{/versions/:version}'

/** Whether the server and its model live and are ready, for the clients of the Open Inference Protocol. */
export function v2Health({ isReady }: Service): Router {
  const router = Router()
  // By the protocol "no" is a status of 400 to 499. It wants no body; KServe's client does.
  const ready: RequestHandler = (_req, res) => {
    const isNow = isReady()
    res.status(isNow ? 200 : 400).json({ ready: isNow })
  }
  router
    .route('/v2/health/live')
    .get((_req, res) => void res.json({ live: true }))
    .all(only('GET'))
  router.route('/v2/health/ready').get(ready).all(only('GET'))
  router.route(`${MODEL_PATH}/ready`).get(known, ready).all(only('GET'))
  return router
}

/** The Open Inference Protocol, version 2, as Triton and KServe speak it over HTTP, with binary tensors. */
export function v2({ desk, isReady, options }: Service): Router {
  const router = Router()
  router
    .route('/v2')
    .get((_req, res) => void res.json({ name: NAME, version: RELEASE, extensions: ['binary_tensor_data'] }))
    .all(only('GET'))
  // Triton's way to list the models; what may be asked for in the body changes nothing where there is one.
  router
    .route('/v2/repository/index')
    .post((_req, res) => {
      const state = isReady() ? 'READY' : 'UNAVAILABLE'
      res.json([{ name: MODEL, version: VERSION, state }])
    })
    .all(only('POST'))
  router
    .route(MODEL_PATH)
    .get(known, (_req, res) => {
      res.json({
        name: MODEL,
        versions: [VERSION],
        platform: NAME,
        inputs: [INPUT],
        outputs: OUTPUTS,
      })
    })
    .all(only('GET'))
  router
    .route(`${MODEL_PATH}/infer`)
    .post(known, async (req, res) => {
      // Bytes of which nothing is said are a photo.
      const header = req.get('Inference-Header-Content-Length') ?? (isBytes(req) ? '0' : undefined)
      const limit = header === undefined ? options.maxJsonBytes : undefined
      const body = await desk.receive(() => readBytes(res, limit))
      const inference = await readInference(body, header, options)
      const request = desk.accept(inference.options, 'the parameters')
      const results = await desk.caption(res, inference.photos, request)
      // The protocol knows no answer for a part of the photos.
      const captions = results.map(captionsOf)
      const { json, tail } = writeInference(inference, captions, request.count)
      holdAnswer(res, json.length + (tail?.length ?? 0))
      if (tail === undefined) return void res.type('json').send(json)
      res.set('Inference-Header-Content-Length', String(json.length))
      res.type('application/octet-stream').send(Buffer.concat([json, tail]))
    })
    .all(only('POST'))
  return router
}

function isBytes(req: Request): boolean {
  return Boolean(req.is('application/octet-stream'))
}

/** Lets through what asks for the one model there is. */
const known: RequestHandler = (req, _res, next) => {
  const { model, version: wanted } = req.params
  if (model !== MODEL)
    throw new ShowtellError('NOT_FOUND', `Expected the model ${MODEL} but received ${model}`, {
      where: 'model',
    })
  if (wanted !== undefined && wanted !== VERSION)
    throw new ShowtellError('NOT_FOUND', `Expected version ${VERSION} of ${MODEL} but received ${wanted}`, {
      where: 'version',
    })
  next()
}
