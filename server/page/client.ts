import type { CaptionedPhoto, ModelDescription } from '../../decoder/types.js'
import type { CaptionsAnswer, ErrorAnswer } from '../answer.js'
import { CODES, STATUS } from '../status.js'

/** Captions shown of a photo: the best and two others. */
const COUNT = 3
const MOST_TRIES = 20

/** Rows and columns of the regions that attention speaks of. */
export type Grid = ModelDescription['grid']

interface Failed {
  readonly error: { readonly code: string; readonly message: string }
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

/** The model, asked for once. @throws Error with the code of the server as its name. */
export function describeModel(): Promise<ModelDescription> {
  description ??= ask('v1/model').then(async (response) => {
    const answer = await answerOf<ModelDescription>(response)
    if (response.ok && answer?.name !== undefined) return answer as ModelDescription
    const { code, message } = failed(response, answer).error
    throw Object.assign(new Error(message), { name: code })
  })
  description.catch(() => {
    description = undefined
  })
  return description
}

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = key === '' ? {} : showing(key)
  return fetch(path, { ...init, headers: { ...headers, ...init.headers } })
}

function showing(key: string): { Authorization: string } {
  return { Authorization: `Bearer ${key}` }
}

/** What an answer says; a proxy before the server, which answers in its place, may say nothing in JSON. */
async function answerOf<Answer>(response: Response): Promise<Partial<Answer> | null | undefined> {
  return response.json().catch(() => undefined)
}

/** The error of an answer that holds nothing else. */
function failed({ status }: Response, answer: object | null | undefined): Failed {
  const { error } = (answer ?? {}) as Partial<ErrorAnswer>
  if (typeof error?.code === 'string') return { error }
  const message = `Something else answered in place of the server, with status ${status}.`
  return { error: { code: CODE_OF[status] ?? 'INTERNAL', message } }
}

/** When to ask a server again that has too much to do: seconds or, as some proxies say it, a date. */
function pauseOf(response: Response): number {
  const after = response.headers.get('Retry-After') ?? ''
  const pause = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now()
  return pause > 0 ? pause : 1000
}

/** Captions of one photo, or its error; a server that has too much to do is asked again. */
export async function captionPhoto(photo: Blob): Promise<Outcome> {
  const path = `v1/captions?count=${COUNT}&beamSize=5&attention=true`
  // What it is the server finds out from its content; the name of the file may be wrong.
  const headers = { 'Content-Type': 'application/octet-stream' }
  try {
    await photo.slice(0, 1).arrayBuffer()
  } catch {
    const message = 'The browser cannot read this: it is a folder, or a file that was moved or changed.'
    return { error: { code: 'UNREADABLE', message } }
  }
  try {
    for (let attempt = 1; ; attempt++) {
      const response = await ask(path, { method: 'POST', headers, body: photo })
      const busy = response.status === 503 || response.status === 429
      if (busy && attempt < MOST_TRIES) {
        await new Promise((resolve) => setTimeout(resolve, pauseOf(response)))
        continue
      }
      const answer = await answerOf<CaptionsAnswer>(response)
      const result = answer?.results?.[0] ?? failed(response, answer)
      if ('error' in result) return result
      return { captions: result.captions, model: await modelOf(answer?.version) }
    }
  } catch (error) {
    return { error: { code: 'UNREACHABLE', message: String(error) } }
  }
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
export function explain(error: { code: string; message: string }): string {
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
      return 'The server does not answer.'
    default:
      return error.message
  }
}
