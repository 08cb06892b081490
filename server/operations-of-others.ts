import type { ErrorCode } from '../errors.js'
import {
  BODY,
  BYTES,
  errors,
  GUARD,
  json,
  type Operation,
  ok,
  type Paths,
  PHOTOS,
  REQUEST_ID,
  UNREAD,
} from './operations.js'
import { MODEL, VERSION } from './v2.js'

const HEAD_LENGTH = 'Inference-Header-Content-Length'

/** The Open Inference Protocol. */
export function v2Paths(): Paths {
  const tags = ['Open Inference Protocol']
  const modelOf = (name: string, value: string) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', enum: [value] },
  })
  const headLength = {
    name: HEAD_LENGTH,
    in: 'header',
    schema: { type: 'integer', minimum: 0 },
    description: 'Where bytes follow the JSON: its length; 0, or nothing, for bytes that are one photo',
  }
  const failures = (...codes: ErrorCode[]) => errors([...codes, ...GUARD], 'InferError')
  const health = (operationId: string, summary: string, parameters: object[] = []): Operation => ({
    operationId,
    summary,
    tags,
    parameters,
    security: [],
    responses: {
      ...ok('Ready', 'Yes'),
      400: { description: 'No', content: json('Ready') },
      ...(parameters.length > 0 ? errors(['NOT_FOUND'], 'InferError') : {}),
    },
  })
  const ofModel = (path: string, suffix: string, parameters: object[]): Paths => ({
    [path]: {
      get: {
        operationId: `v2Model${suffix}`,
        summary: 'The tensors of the model',
        tags,
        parameters,
        responses: { ...ok('ModelMetadata'), ...failures('NOT_FOUND') },
      },
    },
    [`${path}/ready`]: { get: health(`v2ModelReady${suffix}`, 'Whether the model is ready', parameters) },
    [`${path}/infer`]: {
      post: {
        operationId: `v2Infer${suffix}`,
        summary: 'Caption photos',
        description:
          'Photos are base64 in JSON, or bytes after it where Inference-Header-Content-Length gives the length of the JSON (binary tensor extension). A body of bytes alone is one photo. A photo that cannot be captioned fails the request, whatever the others are.',
        tags,
        parameters: [...parameters, headLength],
        requestBody: {
          required: true,
          content: { ...json('InferRequest'), 'application/octet-stream': { schema: BYTES } },
        },
        responses: {
          200: {
            description:
              'A row a photo, a column a caption. Where a photo has fewer captions than count, the rest of its row is "", 0 and, of log_prob, the lowest FP32.',
            content: { ...json('InferAnswer'), 'application/octet-stream': { schema: BYTES } },
            headers: {
              ...REQUEST_ID,
              [HEAD_LENGTH]: {
                schema: { type: 'integer' },
                description: 'Where tensors follow as bytes: the length of the JSON before them',
              },
            },
          },
          ...failures('NOT_FOUND', ...BODY, ...PHOTOS),
        },
      },
    },
  })
  return {
    '/v2': {
      get: {
        operationId: 'v2Server',
        summary: 'The server',
        tags,
        responses: { ...ok('ServerMetadata'), ...failures() },
      },
    },
    '/v2/health/live': {
      get: {
        operationId: 'v2Live',
        summary: 'Whether the server lives',
        tags,
        security: [],
        responses: ok('Live', 'Yes'),
      },
    },
    '/v2/health/ready': { get: health('v2Ready', 'Whether the server is ready') },
    '/v2/repository/index': {
      post: {
        operationId: 'v2Index',
        summary: "The models, as Triton's clients ask for them",
        tags,
        responses: { ...ok('ModelIndex'), ...failures(...UNREAD) },
      },
    },
    ...ofModel('/v2/models/{model}', '', [modelOf('model', MODEL)]),
    ...ofModel('/v2/models/{model}/versions/{version}', 'OfVersion', [
      modelOf('model', MODEL),
      modelOf('version', VERSION),
    ]),
  }
}

/** IBM's Model Asset Exchange. */
export function maxPaths(): Paths {
  const tags = ['IBM MAX']
  const form = {
    type: 'object',
    properties: { image: BYTES },
    required: ['image'],
    // What else comes is not looked at.
    propertyNames: { pattern: '^\\w{1,100}$' },
    maxProperties: 100,
  }
  return {
    '/model/predict': {
      post: {
        operationId: 'predict',
        summary: 'Caption a photo',
        description: 'One photo a request.',
        tags,
        requestBody: { required: true, content: { 'multipart/form-data': { schema: form } } },
        responses: { ...ok('Prediction'), ...errors([...BODY, ...GUARD, ...PHOTOS], 'MaxError') },
      },
    },
    '/model/metadata': {
      get: {
        operationId: 'metadata',
        summary: 'The model that captions',
        tags,
        responses: { ...ok('MaxMetadata'), ...errors(GUARD, 'MaxError') },
      },
    },
  }
}
