import busboy from 'busboy'
import express, { type Request, type Response } from 'express'
import { captionOptionsSchema } from '../decoder/options.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import { MOST_NAME, parse, tooLarge, type UploadedPhoto } from './body.js'
import type { ServiceOptions } from './config.js'
import { readJson } from './json-photos.js'
import { valuesOf } from './values.js'

const MOST_FIELDS = 100
const MOST_FIELD_BYTES = 64 * 1024

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
