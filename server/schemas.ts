import { z } from 'zod'
import { captionFieldsSchema } from '../decoder/options.js'
import * as answers from './answer.js'
import type { ServiceOptions } from './config.js'
import { base64PhotoSchema, captionsRequestSchemas, urlPhotoSchema } from './json-photos.js'
import * as max from './max.js'
import * as v2 from './v2.js'

/** What comes in, by the names of the specification; generators of clients want one for each way of a union. */
const REQUESTS = {
  CaptionOptions: captionFieldsSchema,
  Base64Photo: base64PhotoSchema,
  InferRequestedOutput: v2.requestedOutputSchema,
  InferParameters: v2.inferParametersSchema,
}

/** What goes out. */
const ANSWERS = {
  Caption: answers.captionSchema,
  Timing: answers.timingSchema,
  CaptionedPhoto: answers.captionedPhotoSchema,
  Code: answers.codeSchema,
  PhotoError: answers.photoErrorSchema,
  FailedPhoto: answers.failedPhotoSchema,
  PhotoResult: answers.photoResultSchema,
  CaptionsAnswer: answers.captionsAnswerSchema,
  Error: answers.errorAnswerSchema,
  Model: answers.modelSchema,
  Models: answers.modelsSchema,
  Status: answers.statusSchema,
  Live: v2.liveSchema,
  Ready: v2.readySchema,
  ServerMetadata: v2.serverMetadataSchema,
  ModelMetadata: v2.modelMetadataSchema,
  ModelIndex: v2.modelIndexSchema,
  InferAnswer: v2.inferAnswerSchema,
  InferError: v2.v2ErrorSchema,
  Prediction: max.predictAnswerSchema,
  MaxMetadata: max.metadataSchema,
  MaxError: max.maxErrorSchema,
}

export type SchemaName =
  | keyof typeof REQUESTS
  | keyof typeof ANSWERS
  | 'PhotoRequest'
  | 'PhotosRequest'
  | 'CaptionsRequest'
  | 'InferInput'
  | 'InferRequest'

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
export function jsonSchemas(options: ServiceOptions): Record<SchemaName, JsonSchema> {
  const { one, several, either } = captionsRequestSchemas(options)
  const { dataInput, whole } = v2.inferSchemas(options)
  const requests = {
    ...REQUESTS,
    PhotoRequest: one,
    PhotosRequest: several,
    CaptionsRequest: either,
    InferInput: dataInput,
    InferRequest: whole,
  }
  return {
    ...converted(options.allowUrls ? { ...requests, UrlPhoto: urlPhotoSchema } : requests, 'input'),
    ...converted(ANSWERS, 'output'),
  }
}

function converted<Schemas extends Readonly<Record<string, z.ZodType>>>(
  schemas: Schemas,
  io: 'input' | 'output',
): Record<keyof Schemas, JsonSchema> {
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
