import busboy from 'busboy'
import type { Request, Response } from 'express'
import { captionOptionsSchema } from '../decoder/options.js'
import { beginningOf, expected, messageOf, type ShowtellError } from '../errors.js'
import { bodyOf, MOST_NAME, readBytes, requireBody, tooLarge, type UploadedPhoto } from './body.js'
import type { ServiceOptions } from './config.js'
import { readJson } from './json-photos.js'
import { type Texts, valuesOf } from './values.js'

const FORM = 'multipart/form-data'

/** A thousand banned words, and every other option. */
const MOST_FIELDS = 1100
const MOST_FIELD_BYTES = 64 * 1024

interface Form {
  readonly photos: readonly UploadedPhoto[]
  readonly fields: Texts
}

export interface Upload {
  readonly photos: readonly UploadedPhoto[]
  /** Caption options as they came, to be validated. */
  readonly options: Readonly<Record<string, unknown>>
}

/**
 * Reads the photos and caption options of a request: multipart with parts named `image`, a raw image, or JSON
 * `{ images: [{ base64, file? }], options? }`.
 * @throws ShowtellError INVALID_ARGUMENT, UNSUPPORTED_IMAGE for another type of body, or as `bodyOf`.
 */
export async function readUpload(req: Request, res: Response, limits: ServiceOptions): Promise<Upload> {
  requireBody(req)
  if (req.is(FORM)) {
    const { photos, fields } = await parseForm(req, res, limits)
    return { photos, options: valuesOf(captionOptionsSchema, fields) }
  }
  if (req.is('application/json')) return readJson(res, limits)
  if (isRawImage(req)) return { photos: [await readRaw(res, limits)], options: {} }
  throw wrongType(`${FORM}, application/json or an image type`, req)
}

function wrongType(wanted: string, { headers }: Request): ShowtellError {
  return expected(wanted, 'Content-Type', headers['content-type'], 'UNSUPPORTED_IMAGE')
}

/** What it really is shows when it is decoded; without a type it may be an image as well. */
function isRawImage(req: Request): boolean {
  return req.headers['content-type'] === undefined || Boolean(req.is(['image/*', 'application/octet-stream']))
}

async function readRaw(res: Response, limits: ServiceOptions): Promise<UploadedPhoto> {
  const content = await readBytes(res, limits.maxImageBytes)
  if (content.length === 0) throw expected('an image', 'the body', 'nothing at all')
  return { content }
}

/** Reads the photos and fields of a form. @throws ShowtellError as `readUpload`. */
export async function readForm(req: Request, res: Response, limits: ServiceOptions): Promise<Form> {
  requireBody(req)
  if (!req.is(FORM)) throw wrongType(FORM, req)
  return parseForm(req, res, limits)
}

async function parseForm(req: Request, res: Response, limits: ServiceOptions): Promise<Form> {
  const parser = multipartParser(req, limits)
  const body = bodyOf(res)
  return new Promise((resolve, reject) => {
    const photos: UploadedPhoto[] = []
    const fields = new Map<string, string[]>()
    const fail = (error: ShowtellError): void => {
      reject(error)
      body.destroy(error)
    }
    const damaged = (error: unknown): void =>
      fail(expected('whole multipart/form-data', 'the body', messageOf(error)))
    const tooMany = (limit: number, what: string) => (): void =>
      fail(expected(`at most ${limit}`, `the number of ${what}`, 'more'))
    parser.on('file', (name: string | undefined, stream, { filename }) => {
      // A part that ends too early is an error of its stream, too.
      stream.on('error', damaged)
      if (name !== 'image') {
        stream.resume()
        return fail(expected('image', 'the name of a file part', name))
      }
      const file = filename ? beginningOf(filename, MOST_NAME) : undefined
      const position = photos.length
      let chunks: Buffer[] | undefined = []
      photos.push({ file, content: new Uint8Array() })
      stream.on('data', (chunk: Buffer) => chunks?.push(chunk))
      stream.on('limit', () => {
        chunks = undefined
      })
      stream.on('end', () => {
        const where = file ?? `image ${position + 1}`
        const content =
          chunks === undefined ? tooLarge(limits.maxImageBytes, where, 'more') : Buffer.concat(chunks)
        photos[position] = { file, content }
      })
    })
    parser.on('field', (name: string | undefined, text: string | undefined, { valueTruncated }) => {
      if (name === 'image') return fail(expected('a file', 'image', 'text'))
      if (name === undefined) return fail(expected('a name', 'a field', 'none'))
      if (text === undefined)
        return fail(expected('a known charset', `field ${beginningOf(name, 50)}`, 'another'))
      if (valueTruncated)
        return fail(expected(`at most ${MOST_FIELD_BYTES} bytes`, `field ${beginningOf(name, 50)}`, 'more'))
      fields.set(name, [...(fields.get(name) ?? []), text])
    })
    parser.on('filesLimit', tooMany(limits.maxImages, 'images'))
    parser.on('fieldsLimit', tooMany(MOST_FIELDS, 'fields'))
    parser.on('partsLimit', tooMany(limits.maxImages + MOST_FIELDS, 'parts'))
    parser.on('error', damaged)
    parser.on('close', () => {
      if (photos.length === 0) fail(expected('at least one file', 'image', 'none'))
      else resolve({ photos, fields: Object.fromEntries(fields) })
    })
    body.on('error', reject)
    body.pipe(parser)
  })
}

function multipartParser(req: Request, limits: ServiceOptions): busboy.Busboy {
  try {
    return busboy({
      headers: req.headers,
      defParamCharset: 'utf8',
      limits: {
        files: limits.maxImages,
        // It calls a file that just reaches the limit too large.
        fileSize: limits.maxImageBytes + 1,
        fields: MOST_FIELDS,
        fieldSize: MOST_FIELD_BYTES,
        parts: limits.maxImages + MOST_FIELDS + 1,
      },
    })
  } catch (error) {
    throw expected('multipart/form-data with a boundary', 'Content-Type', messageOf(error))
  }
}
