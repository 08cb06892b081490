import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { captionPhoto, describeModel, explain, type Outcome, useKey } from './client.js'

const PHOTO = new Blob(['cat'])
const CAPTION = { text: 'A cat.', tokens: ['a', 'cat'], confidence: 1 }
const captioned = () => Response.json({ results: [{ captions: [CAPTION] }] })

const ignore = () => {}
/** How long it waited before each further try. */
let pauses: number[]

beforeEach(() => {
  pauses = []
  vi.stubGlobal('navigator', { onLine: true })
  vi.stubGlobal('setTimeout', (go: () => void, time: number) => {
    pauses.push(time)
    go()
  })
})
afterEach(() => void vi.unstubAllGlobals())

/** Has requests answered so, one after the other; the last answer is for all that follow. @returns how many there were */
function answering(...answers: (() => Response)[]): () => number {
  let asked = 0
  vi.stubGlobal('fetch', async () => answers[Math.min(asked++, answers.length - 1)]!())
  return () => asked
}

/** What the person is told. */
function told(outcome: Outcome): string {
  return 'error' in outcome ? explain(outcome.error) : outcome.captions[0]!.text
}

it.each([
  [413, 'IMAGE_TOO_LARGE', 'This photo is larger than the server takes.'],
  [504, 'DEADLINE', 'The server has too much to do just now.'],
  [502, 'INTERNAL', 'Something else answered in place of the server, with status 502.'],
  [200, 'INTERNAL', 'Something else answered in place of the server, with status 200.'],
])('tells what a proxy means that answers in place of the server: %i', async (status, code, message) => {
  for (const body of ['<html></html>', '{"message":"no"}', '{"error":"no"}', 'null']) {
    answering(() => new Response(body, { status }))
    const outcome = await captionPhoto(PHOTO, ignore)
    expect(outcome).toMatchObject({ error: { code } })
    expect(told(outcome)).toBe(message)
    await expect(describeModel()).rejects.toMatchObject({ name: code })
  }
})

it('tells of the error that the server itself names, and where there is no server', async () => {
  answering(() => Response.json({ error: { code: 'INVALID_IMAGE', message: 'no' } }, { status: 422 }))
  expect(told(await captionPhoto(PHOTO, ignore))).toBe('This file is damaged: it cannot be read as a photo.')
  answering(() => {
    throw new TypeError('Failed to fetch')
  })
  expect(told(await captionPhoto(PHOTO, ignore))).toBe('The server does not answer.')
})

const away: [string, () => Response][] = [
  [
    'nobody listens',
    () => {
      throw new TypeError('Failed to fetch')
    },
  ],
  ['a proxy finds nobody', () => new Response('<html></html>', { status: 502 })],
  ['a proxy waits in vain', () => new Response('<html></html>', { status: 504 })],
]

it.each(away)('waits for a server that is away for a moment, and says why: %s', async (_how, answer) => {
  answering(answer, answer, captioned)
  const said: string[] = []
  const outcome = await captionPhoto(PHOTO, (failure) => said.push(explain(failure)))
  expect(told(outcome)).toBe('A cat.')
  expect(pauses).toEqual([1000, 1000])
  answering(answer)
  const end = told(await captionPhoto(PHOTO, ignore))
  expect(said).toEqual([end, end])
  expect(pauses.length).toBe(2 + 19)
})

it('says so where the device itself is offline', async () => {
  vi.stubGlobal('navigator', { onLine: false })
  answering(away[0]![1])
  expect(told(await captionPhoto(PHOTO, ignore))).toBe('This device is offline.')
})

it.each([
  [504, 'DEADLINE'],
  [500, 'INTERNAL'],
])('does not ask again what the server itself has given up: %i', async (status, code) => {
  const asked = answering(() => Response.json({ error: { code, message: 'no' } }, { status }))
  expect(await captionPhoto(PHOTO, ignore)).toEqual({ error: { code, message: 'no' } })
  expect(asked()).toBe(1)
})

it('names the code where the model cannot be asked for', async () => {
  answering(away[0]![1])
  await expect(describeModel()).rejects.toMatchObject({ name: 'UNREACHABLE' })
})

it('knows the model by the version of the answer, and asks for it again once another one made the captions', async () => {
  let [answering, described]: (string | undefined)[] = ['one', 'one']
  let asked = 0
  vi.stubGlobal('fetch', async (path: string) => {
    if (path !== 'v1/model') return Response.json({ version: answering, results: [{ captions: [CAPTION] }] })
    asked++
    return Response.json({ name: 'fake', version: described, grid: [1, 1], calibrated: described === 'one' })
  })
  const model = async () => {
    const outcome = await captionPhoto(PHOTO, ignore)
    return 'error' in outcome ? outcome.error : outcome.model
  }
  useKey('')
  for (let i = 0; i < 2; i++) expect(await model()).toMatchObject({ version: 'one', calibrated: true })
  expect(asked).toBe(1)
  answering = described = 'two'
  for (let i = 0; i < 2; i++) expect(await model()).toMatchObject({ version: 'two', calibrated: false })
  expect(asked).toBe(2)
  // Neither is known to have made them.
  for (answering of ['one', undefined]) expect(await model()).toBeUndefined()
})

it('asks again when a busy server or a proxy says, in seconds or by a date', async () => {
  const date = new Date(Date.now() + 30_000).toUTCString()
  const busy = ['7', date, 'soon', '0', undefined].map(
    (after) => () =>
      Response.json({}, { status: 503, headers: after === undefined ? {} : { 'Retry-After': after } }),
  )
  answering(...busy, captioned)
  expect(told(await captionPhoto(PHOTO, ignore))).toBe('A cat.')
  expect(pauses).toEqual([7000, expect.any(Number), 1000, 1000, 1000])
  expect(pauses[1]).toBeGreaterThan(20_000)
  expect(pauses[1]).toBeLessThanOrEqual(30_000)
})

it('says of a folder, and of a file that has gone, that it cannot be read, and sends nothing', async () => {
  const asked = answering(captioned)
  const folder = new File([], 'holidays')
  const gone = () => Promise.reject(new DOMException('It could not be found', 'NotFoundError'))
  folder.slice = () => Object.assign(new Blob(), { arrayBuffer: gone })
  expect(told(await captionPhoto(folder, ignore))).toMatch(/^The browser cannot read this: it is a folder/)
  expect(asked()).toBe(0)
})
