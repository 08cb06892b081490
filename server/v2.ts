import { z } from 'zod'
import { captionOptionsSchema } from '../decoder/options.js'
import type { Caption } from '../decoder/types.js'
import { validate } from '../decoder/validate.js'
import { expected } from '../errors.js'
import { codeSchema } from './answer.js'
import { parseJson, type UploadedPhoto } from './body.js'
import type { ServiceOptions } from './config.js'
import { base64Schema, decodeBase64, sized } from './json-photos.js'
import { valuesOf } from './values.js'

/** The name that clients of the Open Inference Protocol ask for, and its one version. */
export const MODEL = 'captioner'
export const VERSION = '1'

/** What the protocol's tensors are called. Outputs have a row a photo and a column a caption. */
export const INPUT = { name: 'image', datatype: 'BYTES', shape: [-1] } as const
export const OUTPUTS = [
  { name: 'caption', datatype: 'BYTES', shape: [-1, -1] },
  { name: 'confidence', datatype: 'FP32', shape: [-1, -1] },
  { name: 'log_prob', datatype: 'FP32', shape: [-1, -1] },
] as const
type OutputName = (typeof OUTPUTS)[number]['name']

/** Parameters that Triton's client sends of itself and that mean nothing to a captioner. */
const IDLE = ['sequence_id', 'sequence_start', 'sequence_end', 'priority', 'timeout', 'binary_data_output']

/** Caption options as parameters of a request; what needs a tensor of its own is left out. */
export const inferOptionsSchema = captionOptionsSchema.omit({ attention: true })

const parametersSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
const sizeSchema = z.int().min(0)

export const inferRequestSchema = z.object({
  id: z.string().max(255).optional(),
  parameters: parametersSchema.optional().describe('Caption options, and binary_data_output'),
  inputs: z
    .array(
      z.object({
        name: z.enum([INPUT.name]),
        datatype: z.enum([INPUT.datatype]),
        shape: z.array(sizeSchema).min(1).max(2).describe('[photos] or [photos, 1]'),
        parameters: z.object({ binary_data_size: sizeSchema.optional() }).optional(),
        data: z.array(z.union([base64Schema, z.array(base64Schema)])).optional(),
      }),
    )
    .min(1)
    .max(1),
  outputs: z
    .array(
      z.object({
        name: z.enum(OUTPUTS.map(({ name }) => name)),
        parameters: z.object({ binary_data: z.boolean().optional() }).optional(),
      }),
    )
    .optional(),
})
type InferRequest = z.output<typeof inferRequestSchema>

export const v2ErrorSchema = z.object({ error: z.string(), code: codeSchema, requestId: z.string() })
export const serverMetadataSchema = z.object({
  name: z.string(),
  version: z.string(),
  extensions: z.array(z.string()),
})
export const modelIndexSchema = z.array(
  z.object({ name: z.string(), version: z.string(), state: z.enum(['READY', 'UNAVAILABLE']) }),
)
const tensorSchema = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.int()),
})
export const modelMetadataSchema = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(tensorSchema),
  outputs: z.array(tensorSchema),
})
export const inferAnswerSchema = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  outputs: z.array(
    tensorSchema.extend({
      parameters: z.object({ binary_data_size: sizeSchema }).optional(),
      data: z.array(z.union([z.string(), z.number()])).optional(),
    }),
  ),
})
type InferAnswer = z.output<typeof inferAnswerSchema>

/** A request as the desk takes it, and how its answer is wanted. */
export interface Inference {
  readonly photos: readonly UploadedPhoto[]
  readonly options: z.output<typeof captionOptionsSchema>
  readonly id: string | undefined
  readonly outputs: readonly { readonly name: OutputName; readonly binary: boolean }[]
}

/**
 * Reads an inference request: JSON, or with the binary tensor extension JSON of `headerLength` bytes and the tensor's
 * bytes after it. Of header length 0 the whole body is one photo.
 * @throws ShowtellError INVALID_ARGUMENT, IMAGE_TOO_LARGE
 */
export function readInference(
  body: Buffer,
  headerLength: string | undefined,
  limits: ServiceOptions,
): Inference {
  const length = lengthOf(headerLength, body.length)
  if (length === 0) {
    const options = captionOptionsSchema.parse({})
    const outputs = OUTPUTS.map(({ name }) => ({ name, binary: true }))
    return { photos: [{ content: sized(body, 'the image', limits) }], options, id: undefined, outputs }
  }
  const request = validate(inferRequestSchema, parseJson(body.subarray(0, length)), 'the body')
  const { id, parameters = {}, inputs, outputs = OUTPUTS.map(({ name }) => ({ name })) } = request
  const elements = elementsOf(inputs[0]!, body.subarray(length), limits)
  return {
    photos: elements,
    options: optionsOf(parameters),
    id,
    outputs: outputs.map(({ name, parameters: wanted }: NonNullable<InferRequest['outputs']>[number]) => ({
      name,
      binary: wanted?.binary_data ?? parameters.binary_data_output === true,
    })),
  }
}

function lengthOf(header: string | undefined, body: number): number {
  if (header === undefined) return body
  const length = Number(header)
  if (/^\d+$/.test(header) && length <= body) return length
  throw expected(`an integer from 0 to ${body}`, 'Inference-Header-Content-Length', header)
}

function optionsOf(parameters: NonNullable<InferRequest['parameters']>): Inference['options'] {
  const given = Object.entries(parameters).filter(([name]) => !IDLE.includes(name))
  const texts = given.filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  const options = {
    ...Object.fromEntries(given),
    ...valuesOf(inferOptionsSchema, Object.fromEntries(texts)),
  }
  return { ...validate(inferOptionsSchema, options, 'the parameters'), attention: false }
}

function elementsOf(
  input: InferRequest['inputs'][number],
  tail: Buffer,
  limits: ServiceOptions,
): UploadedPhoto[] {
  const { shape, data, parameters } = input
  const size = parameters?.binary_data_size
  const count = shape.reduce((product, dimension) => product * dimension, 1)
  if (count < 1 || count > limits.maxImages || (shape[1] ?? 1) !== 1)
    throw expected(`[n] or [n, 1] with n from 1 to ${limits.maxImages}`, 'the shape of image', shape)
  if (tail.length !== (size ?? 0))
    throw expected(`${size ?? 0} bytes, its binary_data_size,`, 'the tensor image', tail.length)
  const elements =
    size === undefined
      ? (data ?? []).flat().map((text, i) => decodeBase64(text, `image ${i + 1}`, limits))
      : split(tail).map((bytes, i) => sized(bytes, `image ${i + 1}`, limits))
  if (elements.length !== count) throw expected(`${count} elements`, 'the tensor image', elements.length)
  return elements.map((content) => ({ content }))
}

/** Elements of a BYTES tensor: each after its length, four bytes, low byte first. */
function split(tensor: Buffer): Buffer[] {
  const elements: Buffer[] = []
  for (let at = 0; at < tensor.length; ) {
    const start = at + 4
    const end = start <= tensor.length ? start + tensor.readUInt32LE(at) : Number.POSITIVE_INFINITY
    if (end > tensor.length)
      throw expected('elements that end with it', 'the tensor image', `${tensor.length} bytes`)
    elements.push(tensor.subarray(start, end))
    at = end
  }
  return elements
}

/**
 * The answer: its JSON, and the bytes of the tensors that were wanted binary after it.
 * @param captions of each photo, at most `count`; where there are fewer the tensors are filled with "" and 0.
 */
export function writeInference(
  { id, outputs }: Inference,
  captions: readonly (readonly Caption[])[],
  count: number,
): { json: Buffer; tail: Buffer | undefined } {
  const cells = captions.flatMap((row) => Array.from({ length: count }, (_, i) => row[i]))
  const values: Readonly<Record<OutputName, readonly (string | number)[]>> = {
    caption: cells.map((cell) => cell?.text ?? ''),
    confidence: cells.map((cell) => cell?.confidence ?? 0),
    log_prob: cells.map((cell) => cell?.logProb ?? 0),
  }
  const tails: Buffer[] = []
  const answer: InferAnswer = {
    model_name: MODEL,
    model_version: VERSION,
    ...(id === undefined ? {} : { id }),
    outputs: outputs.map(({ name, binary }) => {
      const { datatype } = OUTPUTS.find((output) => output.name === name)!
      const tensor = { name, datatype, shape: [captions.length, count] }
      if (!binary) return { ...tensor, data: [...values[name]] }
      const bytes = Buffer.concat(values[name].map(encoded))
      tails.push(bytes)
      return { ...tensor, parameters: { binary_data_size: bytes.length } }
    }),
  }
  return {
    json: Buffer.from(JSON.stringify(answer)),
    tail: tails.length === 0 ? undefined : Buffer.concat(tails),
  }
}

function encoded(value: string | number): Buffer {
  const bytes = Buffer.alloc(typeof value === 'string' ? 4 + Buffer.byteLength(value) : 4)
  if (typeof value === 'number') bytes.writeFloatLE(value)
  else bytes.writeUInt32LE(bytes.length - 4) && bytes.write(value, 4)
  return bytes
}
