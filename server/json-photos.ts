import type { Response } from 'express'
import pLimit from 'p-limit'
import { z } from 'zod'
import { captionFieldsSchema } from '../decoder/options.js'
import { validate } from '../decoder/validate.js'
import { type ErrorCode, expected, ShowtellError } from '../errors.js'
import { base64Schema, decodeBase64, inTurns } from './base64.js'
import { hold, MOST_NAME, parseJson, readBytes, type UploadedPhoto } from './body.js'
import { perService, type ServiceOptions } from './config.js'
import { fetchUrl } from './fetch-url.js'
import { patienceOf, within } from './patience.js'

/** Errors that are not of the photo being fetched but of the request. */
const WHOLE: ReadonlySet<ErrorCode> = new Set(['OVERLOADED', 'ABORTED'])

/** Photos fetched at once, over all requests, and those that may wait for it: each is a connection to somebody else. */
const FETCHES = 32
const MOST_WAITING = 256
const fetches = pLimit(FETCHES)

const fileSchema = z.string().min(1).max(MOST_NAME).optional().describe('Name, repeated in the answer')
export const base64PhotoSchema = z.strictObject({ base64: base64Schema, file: fileSchema })
export const urlPhotoSchema = z.strictObject({
  url: z.string().min(1).max(2048).describe('Where the file is, if this service fetches any'),
  file: fileSchema,
})

/** The JSON body of `POST /v1/captions`: one photo, or several, by their address only where the service fetches any. */
export const captionsRequestSchemas = perService(({ allowUrls, maxImages }) => {
  const ways = [base64Schema, base64PhotoSchema] as const
  const photo = z.union(allowUrls ? [...ways, urlPhotoSchema] : ways)
  const options = captionFieldsSchema.optional()
  const one = z.strictObject({ image: photo, options })
  const several = z.strictObject({ images: z.array(photo).min(1).max(maxImages), options })
  return { one, several, either: z.union([one, several]) }
})

/**
 * Reads the photos and options of a JSON body, and fetches those given by their address.
 * @throws ShowtellError INVALID_ARGUMENT, or as `bodyOf`; DEADLINE where fetching takes too long.
 */
export async function readJson(
  res: Response,
  limits: ServiceOptions,
): Promise<{ photos: UploadedPhoto[]; options: Record<string, unknown> }> {
  const body = await parseJson(await readBytes(res, limits.maxJsonBytes))
  if (!limits.allowUrls && hasAddress(body))
    throw new ShowtellError(
      'INVALID_ARGUMENT',
      'Expected --allow-urls (SHOWTELL_ALLOW_URLS) for a photo by its address but this service runs without',
      { where: 'url' },
    )
  // Of either way alone the schema would say that the name of the other is none, and list both as those that are.
  if (['image', 'images'].every((name) => Object.hasOwn(Object(body), name)))
    throw expected('image or images', 'the body', 'both')
  const request = validate(captionsRequestSchemas(limits).either, body, 'the body')
  const images = 'image' in request ? [request.image] : request.images
  const given = images.map((photo) => (typeof photo === 'string' ? { base64: photo } : photo))
  const addresses = given.filter((photo) => 'url' in photo).length
  // One request alone may be larger, or it could never be taken.
  if (addresses > 0 && fetches.pendingCount > 0 && fetches.pendingCount + addresses > MOST_WAITING)
    throw expected('fewer', 'photos to fetch', fetches.pendingCount + addresses, 'OVERLOADED')
  const turn = inTurns()
  let fetchedBytes = 0
  const take = (bytes: number): void => {
    fetchedBytes += bytes
    if (fetchedBytes > limits.maxBodyBytes) {
      const message = `Expected at most ${limits.maxBodyBytes} bytes for the photos fetched but received more`
      // Without a `where`, which would be told as the name of the photo that came last: no photo is too large by itself.
      throw new ShowtellError('IMAGE_TOO_LARGE', message)
    }
    hold(res, bytes)
  }
  const signal = patienceOf(res, limits.deadline)
  const photos = given.map(async (photo, i): Promise<UploadedPhoto> => {
    const { file } = photo
    const where = file ?? `images.${i}`
    if ('url' in photo)
      return { file, content: await fetches(() => fetched(photo.url, where, limits, take, signal)) }
    return { file, content: await turn(() => decodeBase64(photo.base64, where, limits)) }
  })
  // As they came: what the query says stands where they say nothing.
  return {
    // Those that wait for others to be fetched hear of no signal.
    photos: await within(signal, Promise.all(photos)),
    options: (body as { options?: Record<string, unknown> }).options ?? {},
  }
}

/** Whether a body that nobody has looked at has a photo by its address: the schema would call that a wrong name. */
function hasAddress(body: unknown): boolean {
  const { image, images } = Object(body)
  return [image, images].flat().some((photo) => Object(photo).url !== undefined)
}

/** @throws ShowtellError what concerns the whole request: OVERLOADED, DEADLINE, ABORTED */
async function fetched(
  url: string,
  where: string,
  limits: ServiceOptions,
  hold: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Uint8Array | ShowtellError> {
  signal.throwIfAborted()
  try {
    return await fetchUrl(url, where, {
      gone: signal,
      bytes: limits.maxImageBytes,
      timeout: limits.urlTimeout,
      hold,
    })
  } catch (error) {
    // Then nothing is wrong with the photo.
    signal.throwIfAborted()
    if (error instanceof ShowtellError && !WHOLE.has(error.code)) return error
    throw error
  }
}
