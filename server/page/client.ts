import type { CaptionedPhoto, ModelDescription } from '../../decoder/types.js'
import type { CaptionsAnswer, ErrorAnswer } from '../answer.js'
import { CODES, STATUS } from '../status.js'

/** Captions shown of a photo: the best and two others. */
const COUNT = 3
const MOST_TRIES = 20
/** Milliseconds until the next try where nobody says how long. */
const PAUSE = 1000

/** Rows and columns of the regions that attention speaks of. */
export type Grid = ModelDescription['grid']

/** Why there is no answer. */
export interface Failure {
  readonly code: string
  readonly message: string
}

interface Failed {
  readonly error: Failure
}

/**
 * What came of a photo: captions with the model that made them, where it is known, or an error. UNREACHABLE and
 * UNREADABLE are the page's own.
 */
export type Outcome =
  | { readonly captions: CaptionedPhoto['captions']; readonly model: ModelDescription | undefined }
  | Failed

/** The code that a status stands for. */
const CODE_OF: Readonly<Record<number, string>> = Object.fromEntries(
  CODES.map((code) => [STATUS[code], code]),
)

let key = ''
/** What ends the pauses of photos under way. */
const pauses = new Set<() => void>()
let description: Promise<ModelDescription> | undefined

/** What a server that wants a key is shown from now on. @returns whether it can be shown: not every text fits in a header */
export function useKey(given: string): boolean {
  try {
    new Headers(showing(given))
  } catch {
    return false
  }
  key = given
  description = undefined
  return true
}

/** The model, asked for once. @throws Error with the code as its name: the server's, or UNREACHABLE. */
export function describeModel(): Promise<ModelDescription> {
  description ??= ask('v1/model').then(async (response) => {
    const answer = await answerOf<ModelDescription>(response)
    if (response.ok && answer?.name !== undefined) return answer as ModelDescription
    throw thrown(failed(response, answer).error)
  })
  description.catch(() => {
    description = undefined
  })
  return description
}

/** @throws Error with UNREACHABLE as its name */
async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = key === '' ? {} : showing(key)
  try {
    return await fetch(path, { ...init, headers: { ...headers, ...init.headers } })
  } catch (error) {
    throw thrown({ code: 'UNREACHABLE', message: String(error) })
  }
}

function thrown({ code, message }: Failure): Error {
  return Object.assign(new Error(message), { name: code })
}

/** What was thrown by what asks. */
export function failureOf(error: unknown): Failure {
  const { name, message } = error as Error
  return { code: name, message }
}

function showing(key: string): { Authorization: string } {
  return { Authorization: `Bearer ${key}` }
}

/** What an answer says; a proxy before the server, which answers in its place, may say nothing in JSON. */
async function answerOf<Answer>(response: Response): Promise<Partial<Answer> | null | undefined> {
  return response.json().catch(() => undefined)
}

/** Whether the server itself says what went wrong. */
function isOurs(answer: object | null | undefined): answer is ErrorAnswer {
  return typeof (answer as Partial<ErrorAnswer> | null | undefined)?.error?.code === 'string'
}

/** The error of an answer that holds nothing else. */
function failed({ status }: Response, answer: object | null | undefined): Failed {
  if (isOurs(answer)) return { error: answer.error }
  const message = `Something else answered in place of the server, with status ${status}.`
  return { error: { code: CODE_OF[status] ?? 'INTERNAL', message } }
}

/** When to ask a server again that has too much to do: seconds or, as some proxies say it, a date. */
function pauseOf(response: Response): number {
  const after = response.headers.get('Retry-After') ?? ''
  const pause = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now()
  return pause > 0 ? pause : PAUSE
}

/**
 * Captions of one photo, or its error; a server that has too much to do, or that is away for a moment, is asked again.
 * @param pausing told before each pause why there is one
 */
export async function captionPhoto(photo: Blob, pausing: (failure: Failure) => void): Promise<Outcome> {
  for (let attempt = 1; ; attempt++) {
    const { outcome, pause } = await tryOnce(photo)
    if (pause === undefined || !('error' in outcome) || attempt === MOST_TRIES) return outcome
    pausing(outcome.error)
    await passed(pause)
  }
}

/** Has those photos asked for at once that pause. */
export function endPauses(): void {
  for (const end of pauses) end()
}

function passed(pause: number): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      pauses.delete(end)
      resolve()
    }
    pauses.add(end)
    setTimeout(end, pause)
  })
}

/** @returns what came of it, and milliseconds after which another try may give something better */
async function tryOnce(photo: Blob): Promise<{ outcome: Outcome; pause?: number }> {
  const path = `v1/captions?count=${COUNT}&beamSize=5&attention=true`
  // What it is the server finds out from its content; the name of the file may be wrong.
  const headers = { 'Content-Type': 'application/octet-stream' }
  try {
    await photo.slice(0, 1).arrayBuffer()
  } catch {
    const message = 'The browser cannot read this: it is a folder, or a file that was moved or changed.'
    return { outcome: { error: { code: 'UNREADABLE', message } } }
  }
  let response: Response
  try {
    response = await ask(path, { method: 'POST', headers, body: photo })
  } catch (error) {
    return { outcome: { error: failureOf(error) }, pause: PAUSE }
  }
  const answer = await answerOf<CaptionsAnswer & ErrorAnswer>(response)
  const result = answer?.results?.[0] ?? failed(response, answer)
  if ('captions' in result)
    return { outcome: { captions: result.captions, model: await modelOf(answer?.version) } }
  return isPassing(response, answer) ? { outcome: result, pause: pauseOf(response) } : { outcome: result }
}

/** Too much to do, or a proxy that finds no server behind it; a deadline that the server itself tells of has passed. */
function isPassing({ status }: Response, answer: Partial<ErrorAnswer> | null | undefined): boolean {
  return [429, 502, 503].includes(status) || (status === 504 && !isOurs(answer))
}

/** The model of a version; a page may be open while another one takes the place of that which it knows. */
async function modelOf(version: string | undefined): Promise<ModelDescription | undefined> {
  try {
    if ((await describeModel()).version !== version) description = undefined
    const model = await describeModel()
    return model.version === version ? model : undefined
  } catch {
    // Captions without the light are better than none.
    return undefined
  }
}

/** What a code means to the person whose photo it is; other codes speak for themselves. */
export function explain(error: Failure): string {
  switch (error.code) {
    case 'INVALID_IMAGE':
      return 'This file is damaged: it cannot be read as a photo.'
    case 'UNSUPPORTED_IMAGE':
      return 'This is not a JPEG, PNG, WebP, AVIF or GIF photo.'
    case 'IMAGE_TOO_LARGE':
      return 'This photo is larger than the server takes.'
    case 'UNAUTHORIZED':
      return 'The server wants a key.'
    case 'RATE_LIMITED':
    case 'OVERLOADED':
    case 'DEADLINE':
      return 'The server has too much to do just now.'
    case 'SLOW_BODY':
      return 'The photo took too long to reach the server.'
    case 'UNREACHABLE':
      return navigator.onLine ? 'The server does not answer.' : 'This device is offline.'
    default:
      return error.message
  }
}
