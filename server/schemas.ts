import { z } from 'zod'
import { captionOptionsSchema } from '../decoder/options.js'
import {
  captionSchema,
  captionsAnswerSchema,
  errorAnswerSchema,
  modelSchema,
  modelsSchema,
  photoResultSchema,
  statusSchema,
} from './answer.js'
import { captionsRequestSchema } from './json-photos.js'
import { maxErrorSchema, metadataSchema, predictAnswerSchema } from './max.js'
import {
  inferAnswerSchema,
  inferRequestSchema,
  modelIndexSchema,
  modelMetadataSchema,
  serverMetadataSchema,
  v2ErrorSchema,
} from './v2.js'

/** What comes in, by the names of the specification. */
const REQUESTS = {
  CaptionOptions: captionOptionsSchema,
  CaptionsRequest: captionsRequestSchema,
  InferRequest: inferRequestSchema,
}

/** What goes out. */
const ANSWERS = {
  Caption: captionSchema,
  PhotoResult: photoResultSchema,
  CaptionsAnswer: captionsAnswerSchema,
  Error: errorAnswerSchema,
  Model: modelSchema,
  Models: modelsSchema,
  Status: statusSchema,
  ServerMetadata: serverMetadataSchema,
  ModelMetadata: modelMetadataSchema,
  ModelIndex: modelIndexSchema,
  InferAnswer: inferAnswerSchema,
  InferError: v2ErrorSchema,
  Prediction: predictAnswerSchema,
  MaxMetadata: metadataSchema,
  MaxError: maxErrorSchema,
}

export type SchemaName = keyof typeof REQUESTS | keyof typeof ANSWERS

/** A JSON Schema, as far as anybody here looks into it. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly description?: string
}

/** Points to a schema of the specification. */
export function ref(name: SchemaName): { $ref: string } {
  return { $ref: `#/components/schemas/${name}` }
}

/** The schemas that validate, as JSON Schema. Takes tens of milliseconds. */
export function jsonSchemas(): Record<SchemaName, JsonSchema> {
  return { ...converted(REQUESTS, 'input'), ...converted(ANSWERS, 'output') }
}

function converted<Name extends string>(
  schemas: Readonly<Record<Name, z.ZodType>>,
  io: 'input' | 'output',
): Record<Name, JsonSchema> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries<z.ZodType>(schemas)) registry.add(schema, { id })
  const uri = (id: string): string => `#/components/schemas/${id}`
  const found = z.toJSONSchema(registry, { io, uri }).schemas
  const entries = Object.entries(found).map(([name, { $schema: _dialect, $id: _id, ...schema }]) => [
    name,
    schema,
  ])
  return Object.fromEntries(entries)
}
