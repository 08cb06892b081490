import busboy from 'busboy'
import express, { type Request, type RequestHandler, type Response } from 'express'
import { z } from 'zod'
import { captionOptionsSchema } from '../decoder/options.js'
import { validate } from '../decoder/validate.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import type { ServiceOptions } from './config.js'
import { valuesOf } from './values.js'

/** Names of files are repeated in answers and messages; nobody needs longer ones. */
const MOST_NAME = 255
const MOST_FIELDS = 100
const MOST_FIELD_BYTES = 64 * 1024

/** A photo of a request; an error where it is known already that it cannot be captioned. */
export interface UploadedPhoto {
  readonly file?: string
  readonly content: Uint8Array | ShowtellError
}

export interface Upload {
  readonly photos: readonly UploadedPhoto[]
  /** Caption options as they came, to be validated. */
  readonly options: Readonly<Record<string, unknown>>
}

type Texts = Record<string, string | string[]>

/**
 * Reads the photos and caption options of a request: multipart with parts named `image`, a raw image, or JSON
 * `{ images: [{ base64, file? }], options? }`. Options may stand in the query too.
 * @throws ShowtellError INVALID_ARGUMENT, IMAGE_TOO_LARGE, UNSUPPORTED_IMAGE for another type of body.
 */
export async function readUpload(req: Request, res: Response, limits: ServiceOptions): Promise<Upload> {
  const declared = Number(req.headers['content-length'] ?? 0)
  if (declared > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes, 'the body', declared)
  const query = valuesOf(captionOptionsSchema, req.query as Texts)
  if (req.is('multipart/form-data')) {
    const { photos, fields } = await readMultipart(req, limits)
    return { photos, options: { ...query, ...valuesOf(captionOptionsSchema, fields) } }
  }
  if (req.is('application/json')) {
    const { photos, options } = await readJson(req, res, limits)
    return { photos, options: { ...query, ...options } }
  }
  if (isRawImage(req)) return { photos: [await readRaw(req, res, limits)], options: query }
  throw expected(
    'multipart/form-data, application/json or an image type',
    'Content-Type',
    req.headers['content-type'],
    'UNSUPPORTED_IMAGE',
  )
}

/** What it really is shows when it is decoded; without a type it may be an image as well. */
function isRawImage(req: Request): boolean {
  return req.headers['content-type'] === undefined || Boolean(req.is(['image/*', 'application/octet-stream']))
}

async function readRaw(req: Request, res: Response, limits: ServiceOptions): Promise<UploadedPhoto> {
  const limit = Math.min(limits.maxImageBytes, limits.maxBodyBytes)
  await parse(express.raw({ type: () => true, limit }), req, res, limit)
  const content: unknown = req.body
  if (!(content instanceof Uint8Array) || content.length === 0)
    throw expected('an image', 'the body', 'nothing at all')
  return { content }
}

const jsonSchema = z.strictObject({
  images: z
    .array(z.strictObject({ base64: z.string().min(1), file: z.string().max(MOST_NAME).optional() }))
    .min(1),
  options: z.record(z.string(), z.unknown()).optional(),
})

async function readJson(
  req: Request,
  res: Response,
  limits: ServiceOptions,
): Promise<{ photos: UploadedPhoto[]; options: Record<string, unknown> }> {
  await parse(express.json({ limit: limits.maxBodyBytes }), req, res, limits.maxBodyBytes)
  const { images, options } = validate(jsonSchema, req.body, 'the body')
  if (images.length > limits.maxImages)
    throw expected(`at most ${limits.maxImages}`, 'the number of images', images.length)
  const photos = images.map(({ base64, file }, i): UploadedPhoto => {
    const bytes = Buffer.from(base64, 'base64')
    const where = file ?? `images.${i}`
    // Node passes over what is not base64, so a shorter result shows that there was some.
    const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0
    const isBase64 = bytes.length > 0 && bytes.length === Math.floor(((base64.length - padding) * 3) / 4)
    const content = !isBase64
      ? expected('base64', where, base64.slice(0, 20), 'INVALID_IMAGE')
      : bytes.length > limits.maxImageBytes
        ? tooLarge(limits.maxImageBytes, where, bytes.length)
        : bytes
    return { content, ...(file === undefined ? {} : { file }) }
  })
  return { photos, options: options ?? {} }
}

/** Runs one of express' body parsers. */
function parse(parser: RequestHandler, req: Request, res: Response, limit: number): Promise<void> {
  return new Promise((resolve, reject) => {
    parser(req, res, (error?: unknown) => {
      if (error === undefined) return resolve()
      const isLarge = (error as { type?: string }).type === 'entity.too.large'
      reject(isLarge ? tooLarge(limit, 'the body', 'more') : error)
    })
  })
}

function readMultipart(
  req: Request,
  limits: ServiceOptions,
): Promise<{ photos: UploadedPhoto[]; fields: Texts }> {
  return new Promise((resolve, reject) => {
    const photos: UploadedPhoto[] = []
    const fields = new Map<string, string[]>()
    let held = 0
    let parser: busboy.Busboy
    const fail = (error: ShowtellError): void => {
      req.unpipe(parser)
      // What is still to come is read and dropped, so that the client gets to see the answer.
      req.resume()
      reject(error)
    }
    const damaged = (error: unknown): void =>
      fail(expected('whole multipart/form-data', 'the body', messageOf(error)))
    try {
      parser = busboy({
        headers: req.headers,
        defParamCharset: 'utf8',
        limits: {
          files: limits.maxImages,
          fileSize: limits.maxImageBytes,
          fields: MOST_FIELDS,
          fieldSize: MOST_FIELD_BYTES,
        },
      })
    } catch (error) {
      return reject(expected('multipart/form-data with a boundary', 'Content-Type', messageOf(error)))
    }
    parser.on('file', (name, stream, { filename }) => {
      // A part that ends too early is an error of its stream, too.
      stream.on('error', damaged)
      if (name !== 'image') {
        stream.resume()
        return fail(expected('image', 'the name of a file part', name))
      }
      const file = filename?.slice(0, MOST_NAME)
      const position = photos.length
      const named = file === undefined || file === '' ? {} : { file }
      photos.push({ ...named, content: new Uint8Array() })
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        held += chunk.length
        if (held > limits.maxBodyBytes) fail(tooLarge(limits.maxBodyBytes, 'the body', 'more'))
      })
      stream.on('limit', () => {
        for (const chunk of chunks.splice(0)) held -= chunk.length
        const where = file || `image ${position + 1}`
        photos[position] = { ...named, content: tooLarge(limits.maxImageBytes, where, 'more') }
      })
      stream.on('end', () => {
        if (photos[position]!.content instanceof Uint8Array)
          photos[position] = { ...named, content: Buffer.concat(chunks) }
      })
    })
    parser.on('field', (name, text, { nameTruncated, valueTruncated }) => {
      if (name === 'image') return fail(expected('a file', 'image', 'text'))
      if (nameTruncated || valueTruncated)
        return fail(expected(`at most ${MOST_FIELD_BYTES} bytes`, `field ${name.slice(0, 50)}`, 'more'))
      fields.set(name, [...(fields.get(name) ?? []), text])
    })
    parser.on('filesLimit', () =>
      fail(expected(`at most ${limits.maxImages}`, 'the number of images', 'more')),
    )
    parser.on('fieldsLimit', () => fail(expected(`at most ${MOST_FIELDS}`, 'the number of fields', 'more')))
    parser.on('error', damaged)
    parser.on('close', () => {
      if (photos.length === 0) reject(expected('at least one file', 'image', 'none'))
      else resolve({ photos, fields: Object.fromEntries(fields) })
    })
    req.on('close', () => {
      if (!req.complete)
        fail(new ShowtellError('ABORTED', 'Expected the whole body but the client went away'))
    })
    req.pipe(parser)
  })
}

function tooLarge(limit: number, where: string, received: number | string): ShowtellError {
  return new ShowtellError(
    'IMAGE_TOO_LARGE',
    `Expected at most ${limit} bytes for ${where} but received ${received}`,
    { where },
  )
}
