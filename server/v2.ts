import { z } from 'zod'
import { captionOptionsSchema } from '../decoder/options.js'
import type { Caption } from '../decoder/types.js'
import { validate } from '../decoder/validate.js'
import { expected } from '../errors.js'
import { codeSchema } from './answer.js'
import { base64Schema, decodeBase64, inTurns } from './base64.js'
import { parseJson, sized, tooLarge, type UploadedPhoto } from './body.js'
import { perService, type ServiceOptions } from './config.js'
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

/** In place of a caption that there is not. The lowest FP32, since JSON has no −∞: log 0 would be the likeliest of all. */
const NO_CAPTION = { text: '', confidence: 0, logProb: -(2 - 2 ** -23) * 2 ** 127 }

const { bannedWords: _words, attention: _attention, ...fields } = captionOptionsSchema.shape

/** Caption options, as the protocol has parameters: no lists, and what needs a tensor of its own is left out. */
export const inferParametersSchema = z.strictObject({
  ...fields,
  bannedWords: z
    .string()
    .max(2000)
    .regex(/^[^,]{1,50}(,[^,]{1,50})*$/)
    .optional()
    .describe('Words that may not appear, with commas between them'),
  binary_data_output: z.boolean().optional().describe('Whether outputs come as bytes after the JSON'),
  // Triton's client sends these of itself; they mean nothing to a captioner.
  sequence_id: z.union([z.int(), z.string()]).optional(),
  sequence_start: z.boolean().optional(),
  sequence_end: z.boolean().optional(),
  priority: z.int().optional(),
  timeout: z.int().optional(),
})

const tensor = {
  name: z.enum([INPUT.name]),
  datatype: z.enum([INPUT.datatype]),
  shape: z.array(z.int().min(1)).min(1).max(2).describe('[photos] or [photos, 1]'),
}
const binaryInputSchema = z.object({
  ...tensor,
  parameters: z.object({ binary_data_size: z.int().min(0) }),
})
export const requestedOutputSchema = z.object({
  name: z.enum(OUTPUTS.map(({ name }) => name)),
  parameters: z.object({ binary_data: z.boolean().optional() }).optional(),
})
const request = {
  id: z.string().max(255).optional(),
  parameters: inferParametersSchema.optional(),
  // An answer has no limit of its own.
  outputs: z.array(requestedOutputSchema).max(OUTPUTS.length).optional(),
}
export const inferSchemas = perService(({ maxImages }) => {
  const some = <Element extends z.ZodType>(element: Element) => z.array(element).min(1).max(maxImages)
  const dataInput = z.object({
    ...tensor,
    data: some(z.union([base64Schema, some(base64Schema)])).describe('Photos, base64'),
  })
  return {
    dataInput,
    /** A request that is JSON alone. */
    whole: z.object({ ...request, inputs: z.array(dataInput).min(1).max(1) }),
    /** The JSON of a request that bytes may follow. */
    header: z.object({
      ...request,
      inputs: z
        .array(z.union([binaryInputSchema, dataInput]))
        .min(1)
        .max(1),
    }),
  }
})
type InferHeader = z.output<ReturnType<typeof inferSchemas>['header']>

export const v2ErrorSchema = z.object({ error: z.string(), code: codeSchema, requestId: z.string() })
export const liveSchema = z.object({ live: z.boolean() })
export const readySchema = z.object({ ready: z.boolean() })
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
      parameters: z.object({ binary_data_size: z.int() }).optional(),
      data: z.array(z.union([z.string(), z.number()])).optional(),
    }),
  ),
})
type InferAnswer = z.output<typeof inferAnswerSchema>

/** A request as the desk takes it, and how its answer is wanted. */
export interface Inference {
  readonly photos: readonly UploadedPhoto[]
  /** Caption options as they came, to be validated. */
  readonly options: Readonly<Record<string, unknown>>
  readonly id: string | undefined
  readonly outputs: readonly { readonly name: OutputName; readonly binary: boolean }[]
}

/**
 * Reads an inference request: JSON, or with the binary tensor extension JSON of `headerLength` bytes and the tensor's
 * bytes after it. Of header length 0 the whole body is one photo.
 * @throws ShowtellError INVALID_ARGUMENT, IMAGE_TOO_LARGE
 */
export async function readInference(
  body: Buffer,
  headerLength: string | undefined,
  limits: ServiceOptions,
): Promise<Inference> {
  const length = lengthOf(headerLength, body.length)
  if (length === 0) {
    const outputs = OUTPUTS.map(({ name }) => ({ name, binary: true }))
    return { photos: [{ content: sized(body, 'the image', limits) }], options: {}, id: undefined, outputs }
  }
  const { whole, header: beforeBytes } = inferSchemas(limits)
  const header = await parseJson(headOf(body, length, limits))
  const asked: InferHeader = validate(headerLength === undefined ? whole : beforeBytes, header, 'the body')
  // No names stand for all of them, as in Triton: some clients always write the list.
  const outputs = asked.outputs?.length
    ? asked.outputs
    : OUTPUTS.map(({ name }) => ({ name, parameters: undefined }))
  const isBinary = asked.parameters?.binary_data_output === true
  return {
    photos: await elementsOf(asked.inputs[0]!, body.subarray(length), limits),
    options: optionsOf(asked.parameters),
    id: asked.id,
    outputs: outputs.map(({ name, parameters }) => ({ name, binary: parameters?.binary_data ?? isBinary })),
  }
}

function lengthOf(header: string | undefined, body: number): number {
  if (header === undefined) return body
  const length = Number(header)
  if (/^\d+$/.test(header) && length <= body) return length
  throw expected(`an integer from 0 to ${body}`, 'Inference-Header-Content-Length', header)
}

function optionsOf(parameters: InferHeader['parameters']): Inference['options'] {
  const { bannedWords, ...given } = parameters ?? {}
  const words = bannedWords === undefined ? {} : valuesOf(captionOptionsSchema, { bannedWords })
  const options = Object.entries(given).filter(([name]) => name in fields)
  return { ...Object.fromEntries(options), ...words }
}

async function elementsOf(
  input: InferHeader['inputs'][number],
  tail: Buffer,
  limits: ServiceOptions,
): Promise<UploadedPhoto[]> {
  const { shape } = input
  const size = 'data' in input ? 0 : input.parameters.binary_data_size
  const count = shape.reduce((product, dimension) => product * dimension, 1)
  if (count > limits.maxImages || (shape[1] ?? 1) !== 1)
    throw expected(`[n] or [n, 1] with n from 1 to ${limits.maxImages}`, 'the shape of image', shape)
  if (tail.length !== size)
    throw expected(`${size} bytes, its binary_data_size,`, 'the tensor image', tail.length)
  const turn = inTurns()
  const elements =
    'data' in input
      ? await Promise.all(
          input.data.flat().map((text, i) => turn(() => decodeBase64(text, `image ${i + 1}`, limits))),
        )
      : split(tail, count).map((bytes, i) => sized(bytes, `image ${i + 1}`, limits))
  if (elements.length !== count) throw expected(`${count} elements`, 'the tensor image', elements.length)
  return elements.map((content) => ({ content }))
}

/** The JSON before the tensor's bytes. */
function headOf(body: Buffer, length: number, { maxJsonBytes }: ServiceOptions): Buffer {
  if (length > maxJsonBytes) throw tooLarge(maxJsonBytes, 'the JSON of the body', length)
  return body.subarray(0, length)
}

/** Elements of a BYTES tensor, each after its length, four bytes, low byte first: as many as are wanted, or one more. */
function split(tensor: Buffer, wanted: number): Buffer[] {
  const elements: Buffer[] = []
  for (let at = 0; at < tensor.length && elements.length <= wanted; ) {
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
 * @param captions of each photo, at most `count`; the places of others have `NO_CAPTION`.
 */
export function writeInference(
  { id, outputs }: Inference,
  captions: readonly (readonly Caption[])[],
  count: number,
): { json: Buffer; tail: Buffer | undefined } {
  const cells = captions.flatMap((row) => Array.from({ length: count }, (_, i) => row[i] ?? NO_CAPTION))
  const values: Readonly<Record<OutputName, readonly (string | number)[]>> = {
    caption: cells.map(({ text }) => text),
    confidence: cells.map(({ confidence }) => confidence),
    log_prob: cells.map(({ logProb }) => logProb),
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
