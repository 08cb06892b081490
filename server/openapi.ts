import type { ModelDescription } from '../decoder/types.js'
import type { ErrorCode } from '../errors.js'
import type { ServiceOptions } from './config.js'
import { type JsonSchema, jsonSchemas, ref, type SchemaName } from './schemas.js'
import { STATUS } from './status.js'
import { MODEL, VERSION } from './v2.js'

type Content = Readonly<Record<string, { readonly schema: object }>>

interface Response {
  readonly description: string
  readonly content?: Content
  readonly headers?: object
}

/** One operation of the specification. */
interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tags: readonly string[]
  readonly parameters?: readonly object[]
  readonly requestBody?: { readonly required: true; readonly content: Content }
  readonly responses: Readonly<Record<string, Response>>
  readonly security?: readonly object[]
}

/** The way to say what a route takes and gives, for https://spec.openapis.org/oas/v3.1.1. */
type Paths = Record<string, { get?: Operation; post?: Operation }>

const BYTES = { type: 'string', format: 'binary' }
const TEXT: JsonSchema = { type: 'string' }
const REQUEST_ID = { 'X-Request-Id': { schema: TEXT, description: 'Of the request, else made for it' } }

/** Errors that any guarded route may give, those of a body, and those of photos. */
const GUARD = ['UNAUTHORIZED', 'RATE_LIMITED', 'INTERNAL'] as const
const BODY = ['INVALID_ARGUMENT', 'SLOW_BODY', 'IMAGE_TOO_LARGE', 'UNSUPPORTED_IMAGE', 'OVERLOADED'] as const
const PHOTOS = ['INVALID_IMAGE', 'DEADLINE'] as const

const json = (name: SchemaName): Content => ({ 'application/json': { schema: ref(name) } })

function ok(name: SchemaName, description = 'The answer', headers: object = {}): Record<string, Response> {
  return { 200: { description, content: json(name), headers: { ...REQUEST_ID, ...headers } } }
}

/** Responses by status; the description lists the codes. */
function errors(codes: readonly ErrorCode[], name: SchemaName = 'Error'): Record<string, Response> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) byStatus.set(STATUS[code], [...(byStatus.get(STATUS[code]) ?? []), code])
  return Object.fromEntries(
    [...byStatus].map(([status, found]) => {
      const retry = status === 503 || status === 429
      const headers = { ...REQUEST_ID, ...(retry ? { 'Retry-After': { schema: { type: 'integer' } } } : {}) }
      return [status, { description: found.join(', '), content: json(name), headers }]
    }),
  )
}

/** Makes specifications of the service as it is configured, each for the model that it serves then. */
export function specification(options: ServiceOptions, version: string): (model: ModelDescription) => object {
  const schemas = jsonSchemas()
  return (model) => {
    const { properties, ...rest } = schemas.CaptionOptions
    const fields = { ...properties, style: { ...properties?.style, enum: model.styles } }
    return document({ ...schemas, CaptionOptions: { ...rest, properties: fields } }, fields, options, version)
  }
}

function document(
  schemas: Readonly<Record<SchemaName, JsonSchema>>,
  fields: Readonly<Record<string, JsonSchema>>,
  options: ServiceOptions,
  version: string,
): object {
  return {
    openapi: '3.1.1',
    info: {
      title: 'showtell',
      version,
      description: 'Captions photos.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: options.apiKeys.length > 0 ? [{ bearer: [] }, { key: [] }] : [],
    paths: { ...ownPaths(fields, options), ...healthPaths(), ...v2Paths(), ...maxPaths() },
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
  }
}

function ownPaths(fields: Readonly<Record<string, JsonSchema>>, { maxImages }: ServiceOptions): Paths {
  const tags = ['Captions']
  const image = { type: 'array', items: BYTES, minItems: 1, maxItems: maxImages }
  const form = {
    type: 'object',
    properties: { image, ...fields },
    required: ['image'],
    additionalProperties: false,
  }
  const query = Object.entries(fields).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    description,
    schema,
    ...(schema.type === 'array' ? { style: 'form', explode: false } : {}),
  }))
  const tag = { ETag: { schema: TEXT, description: 'Equal for the same photos, options and model' } }
  return {
    '/v1/captions': {
      post: {
        operationId: 'captions',
        summary: 'Caption photos',
        description:
          'A form with parts named image, JSON, or the photo itself. A photo of several that fails has its error in its place; options of the body win over those of the query.',
        tags,
        parameters: [
          ...query,
          { name: 'If-None-Match', in: 'header', schema: TEXT, description: 'ETag of an answer one has' },
        ],
        requestBody: {
          required: true,
          content: {
            'multipart/form-data': { schema: form },
            ...json('CaptionsRequest'),
            'application/octet-stream': { schema: BYTES },
          },
        },
        responses: {
          ...ok('CaptionsAnswer', 'One result a photo', tag),
          304: { description: 'If-None-Match names the tag of this answer', headers: tag },
          ...errors([...BODY, ...GUARD, ...PHOTOS]),
          431: { description: 'A head of more than 16 kB: long options belong into the body' },
        },
      },
    },
    '/v1/model': {
      get: {
        operationId: 'model',
        summary: 'The model that captions',
        tags,
        responses: { ...ok('Model'), ...errors(GUARD) },
      },
    },
    '/v1/models': {
      get: {
        operationId: 'models',
        summary: 'All models, of which there is one',
        tags,
        responses: { ...ok('Models'), ...errors(GUARD) },
      },
    },
    '/v1/models/reload': {
      post: {
        operationId: 'reload',
        summary: 'Load the bundle again',
        description:
          'Wants a key. The model before goes on until the new one has captioned, and if it does not.',
        tags,
        security: [{ bearer: [] }, { key: [] }],
        responses: { ...ok('Model'), ...errors(['NOT_FOUND', 'INVALID_BUNDLE', ...GUARD]) },
      },
    },
  }
}

function healthPaths(): Paths {
  const get = (operationId: string, summary: string, responses: Operation['responses']) => ({
    get: { operationId, summary, tags: ['Health'], security: [], responses },
  })
  return {
    '/livez': get('live', 'Whether the process lives', ok('Status')),
    '/readyz': get('ready', 'Whether to send requests', {
      ...ok('Status', 'Yes'),
      503: { description: 'No', content: json('Status') },
    }),
    '/metrics': get('metrics', "What was counted, in Prometheus' words", {
      200: { description: 'Text', content: { 'text/plain': { schema: TEXT } } },
    }),
  }
}

function v2Paths(): Paths {
  const tags = ['Open Inference Protocol']
  const modelOf = (name: string, value: string) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', enum: [value] },
  })
  const failures = (...codes: ErrorCode[]) => errors([...codes, ...GUARD], 'InferError')
  const health = (operationId: string, summary: string, parameters: object[] = []): Operation => ({
    operationId,
    summary,
    tags,
    parameters,
    security: [],
    responses: {
      200: { description: 'Yes' },
      400: { description: 'No' },
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
          'Photos are base64 in JSON, or bytes after it where Inference-Header-Content-Length gives the length of the JSON (binary tensor extension). A body of bytes alone is one photo.',
        tags,
        parameters,
        requestBody: {
          required: true,
          content: { ...json('InferRequest'), 'application/octet-stream': { schema: BYTES } },
        },
        responses: {
          200: {
            description: 'A row a photo, a column a caption',
            content: { ...json('InferAnswer'), 'application/octet-stream': { schema: BYTES } },
            headers: {
              ...REQUEST_ID,
              'Inference-Header-Content-Length': {
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
    '/v2/health/live': { get: health('v2Live', 'Whether the server lives') },
    '/v2/health/ready': { get: health('v2Ready', 'Whether the server is ready') },
    '/v2/repository/index': {
      post: {
        operationId: 'v2Index',
        summary: "The models, as Triton's clients ask for them",
        tags,
        responses: { ...ok('ModelIndex'), ...failures() },
      },
    },
    ...ofModel('/v2/models/{model}', '', [modelOf('model', MODEL)]),
    ...ofModel('/v2/models/{model}/versions/{version}', 'OfVersion', [
      modelOf('model', MODEL),
      modelOf('version', VERSION),
    ]),
  }
}

function maxPaths(): Paths {
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
