import type { ModelDescription } from '../decoder/types.js'
import type { ServiceOptions } from './config.js'
import {
  BODY,
  BYTES,
  errors,
  GUARD,
  identified,
  json,
  type Operation,
  ok,
  type Paths,
  PHOTOS,
  TEXT,
  UNREAD,
} from './operations.js'
import { maxPaths, v2Paths } from './operations-of-others.js'
import { type JsonSchema, jsonSchemas, type SchemaName } from './schemas.js'

/** Makes specifications of the service as it is configured, each for the model that it serves then. */
export function specification(options: ServiceOptions, version: string): (model: ModelDescription) => object {
  const schemas = jsonSchemas(options)
  return (model) => {
    const spoken = (schema: JsonSchema): JsonSchema => {
      const { properties = {} } = schema
      return { ...schema, properties: { ...properties, style: { ...properties.style, enum: model.styles } } }
    }
    const CaptionOptions = spoken(schemas.CaptionOptions)
    const InferParameters = spoken(schemas.InferParameters)
    return document({ ...schemas, CaptionOptions, InferParameters }, options, version)
  }
}

function document(
  schemas: Readonly<Record<SchemaName, JsonSchema>>,
  options: ServiceOptions,
  version: string,
): object {
  const fields = schemas.CaptionOptions.properties ?? {}
  return {
    openapi: '3.1.1',
    info: {
      title: 'showtell',
      version,
      description: 'Captions photos.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // Beside this document, wherever a proxy shows it.
    servers: [{ url: '.' }],
    security: options.apiKeys.length > 0 ? [{ bearer: [] }, { key: [] }] : [],
    paths: identified({ ...ownPaths(fields, options), ...healthPaths(), ...v2Paths(), ...maxPaths() }),
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
  }
}

function ownPaths(
  fields: Readonly<Record<string, JsonSchema>>,
  { maxImages, maxSearch }: ServiceOptions,
): Paths {
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
  const tag = {
    ETag: { schema: TEXT, description: 'Equal for the same photos, options, model, engine and release' },
  }
  return {
    '/v1/captions': {
      post: {
        operationId: 'captions',
        summary: 'Caption photos',
        description: `A form with parts named image, JSON, or the photo itself. A photo of several that fails has its error in its place; options of the body win over those of the query. count × beamSize × maxLength is at most ${maxSearch}.`,
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
            'image/*': { schema: BYTES },
            // Behind it: of several types for the same bytes generated clients send the last one.
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
        responses: {
          ...ok('Model'),
          ...errors(['INVALID_BUNDLE', 'ENGINE_UNAVAILABLE', 'NUMERIC', ...UNREAD, ...GUARD]),
        },
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
