import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type FakeElement, FakePage } from './fixtures/document.js'

const KEY = 'the-key-of-this-server'
const REFUSED = 'That key was refused.'
const SOON = { timeout: 10_000 }
let page: FakePage
/** Keys that requests came with. */
let asked: (string | null)[]
/** What every request is answered with in place of what its key deserves. */
let trouble: number | undefined
/** A path that no answer comes from. */
let lost: string | undefined
/** Whether the model says that its confidences mean something. */
let calibrated: boolean
/** Photos under way, and how many may be before they take too long to arrive. */
let uploads: number
let mostUploads: number

beforeEach(async () => {
  page = new FakePage()
  for (const id of ['gate', 'tray']) at(id).hidden = true
  asked = []
  trouble = undefined
  lost = undefined
  calibrated = true
  uploads = 0
  mostUploads = Number.POSITIVE_INFINITY
  vi.stubGlobal('document', page)
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    const key = new Headers(init.headers).get('Authorization')
    asked.push(key)
    if (path === lost) throw new TypeError('Failed to fetch')
    if (init.method === 'POST') {
      uploads++
      await new Promise((resolve) => setTimeout(resolve, 20))
      const isSlow = uploads > mostUploads
      await new Promise((resolve) => setTimeout(resolve, 20))
      uploads--
      if (isSlow) return Response.json({ error: { code: 'SLOW_BODY', message: 'no' } }, { status: 408 })
    }
    const status = trouble ?? (key === `Bearer ${KEY}` ? 200 : 401)
    const codes: Record<number, string> = {
      401: 'UNAUTHORIZED',
      408: 'SLOW_BODY',
      429: 'RATE_LIMITED',
      500: 'INTERNAL',
    }
    if (status !== 200) return Response.json({ error: { code: codes[status], message: 'no' } }, { status })
    if (path === 'v1/model')
      return Response.json({
        name: 'fake',
        version: 'v1',
        encoder: 'none',
        cell: 'none',
        grid: [1, 1],
        calibrated,
      })
    const caption = { text: 'A cat.', tokens: ['a', 'cat'], confidence: 1, attention: [[1], [1]] }
    const other = { ...caption, text: 'A dog.', tokens: ['a', 'dog'] }
    return Response.json({ version: 'v1', results: [{ captions: [caption, other] }] })
  })
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

function at(id: string): FakeElement {
  return page.getElementById(id)
}

async function load(): Promise<void> {
  at('gate').append(at('key'), at('refused'))
  await import('./main.js')
  await expect.poll(() => asked.length, SOON).toBe(1)
}

function give(key: string): void {
  at('key').value = key
  at('key').focus()
  at('gate').happen('submit')
}

async function addPhoto(...photos: File[]): Promise<FakeElement> {
  at('files').files = photos.length === 0 ? [new File(['cat'], 'cat.jpg')] : photos
  at('files').happen('change')
  const [card] = at('album').children as FakeElement[]
  await expect.poll(() => card!.className, SOON).not.toBe('waiting')
  return card!
}

it('asks for a key until one is accepted, and says when one is refused', async () => {
  await load()
  await expect.poll(() => at('gate').hidden, SOON).toBe(false)
  expect(at('refused').textContent).toBe('')
  give('another-key')
  await expect.poll(() => at('refused').textContent, SOON).toBe(REFUSED)
  expect(at('gate').hidden).toBe(false)
  // Whether that is the key nobody has said.
  trouble = 429
  give(KEY)
  await expect.poll(() => asked.length, SOON).toBe(3)
  // Time for the answer to be taken.
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect([at('gate').hidden, at('refused').textContent]).toEqual([false, ''])
  trouble = undefined
  give(KEY)
  await expect.poll(() => at('gate').hidden, SOON).toBe(true)
  expect(at('refused').textContent).toBe('')
  expect(page.activeElement).toBe(at('files'))
})

it('refuses a key that fits in no header, and asks nobody', async () => {
  await load()
  await expect.poll(() => at('gate').hidden, SOON).toBe(false)
  give('ключ-от-сервера-1')
  await expect.poll(() => at('refused').textContent, SOON).toBe(REFUSED)
  expect([at('gate').hidden, asked.length]).toEqual([false, 1])
})

it('asks for a key when a photo is refused for want of one, and then for the captions again', async () => {
  trouble = 500
  await load()
  expect(at('gate').hidden).toBe(true)
  trouble = undefined
  const card = await addPhoto()
  expect(at('gate').hidden).toBe(false)
  give(KEY)
  await expect.poll(() => at('gate').hidden, SOON).toBe(true)
  await expect.poll(() => card.textContent, SOON).toContain('A cat.')
  expect(page.activeElement).toBe(at('files'))
})

it('leaves the focus with the photo that is tried again', async () => {
  await load()
  const card = await addPhoto()
  trouble = 500
  const again = card.button('Try again')!
  again.focus()
  again.happen('click')
  expect([page.activeElement, card.tabIndex]).toEqual([card, -1])
  await expect.poll(() => card.className, SOON).toBe('failed')
})

it('shows captions without the light where the model cannot be asked for its grid', async () => {
  lost = 'v1/model'
  await load()
  const card = await addPhoto()
  give(KEY)
  await expect.poll(() => card.textContent, SOON).toContain('A cat.')
  expect(card.button('cat')).toBeUndefined()
  lost = undefined
  const [, lit] = [await addPhoto(), (at('album').children as FakeElement[])[1]!]
  await expect.poll(() => lit.button('cat'), SOON).toBeDefined()
})

it.each([
  ['its first word', undefined],
  ['its photo where no word can be pointed at', 'v1/model'],
])('leaves the focus with a caption that is taken instead: %s', async (_which, path) => {
  lost = path
  await load()
  const card = await addPhoto()
  give(KEY)
  await expect.poll(() => card.textContent, SOON).toContain('A cat.')
  const other = card.button('A dog.')!
  other.focus()
  other.happen('click')
  expect(card.caption!.textContent).toBe('A dog.')
  expect(page.activeElement).toBe(path === undefined ? card.button('A') : card)
})

it.each(['altKey', 'ctrlKey', 'metaKey'])(
  'goes from word to word, but leaves a key with %s to the browser',
  async (modifier) => {
    await load()
    give(KEY)
    await expect.poll(() => at('gate').hidden, SOON).toBe(true)
    const card = await addPhoto()
    const [first, second] = [card.button('A')!, card.button('cat')!]
    first.focus()
    const press = (event: object): void =>
      card.caption!.happen('keydown', { key: 'ArrowRight', target: first, ...event })
    press({ [modifier]: true, preventDefault: () => expect.unreachable() })
    expect(page.activeElement).toBe(first)
    press({})
    expect(page.activeElement).toBe(second)
  },
)

it('says how sure the model is only where that means something', async () => {
  await load()
  give(KEY)
  expect((await addPhoto()).textContent).toContain('Very likely right')
  vi.resetModules()
  page.elements.clear()
  asked = []
  calibrated = false
  await load()
  give(KEY)
  const card = await addPhoto()
  expect(card.textContent).toContain('A cat.')
  expect(card.textContent).not.toContain('right')
})

it('tells of a photo that took too long to arrive, and offers to try again', async () => {
  await load()
  trouble = 408
  const card = await addPhoto()
  expect(card.textContent).toContain('The photo took too long to reach the server.')
  expect(card.button('Try again')).toBeDefined()
})

it('sends one photo after the other once they took too long together', async () => {
  mostUploads = 1
  await load()
  give(KEY)
  await expect.poll(() => at('gate').hidden, SOON).toBe(true)
  await addPhoto(...['a', 'b', 'c', 'd'].map((name) => new File([name], `${name}.jpg`)))
  await expect.poll(() => at('status').textContent, SOON).toBe('4 of 4 photos captioned')
})

it.each([
  [true, 'Copied'],
  [false, 'Not copied'],
])('says over plain HTTP whether a caption was copied, and leaves the focus: %s', async (isDone, said) => {
  vi.stubGlobal('navigator', {})
  Object.assign(page, { execCommand: () => isDone })
  await load()
  give(KEY)
  await expect.poll(() => at('gate').hidden, SOON).toBe(true)
  const copy = (await addPhoto()).button('Copy as alt text')!
  copy.focus()
  copy.happen('click')
  await expect.poll(() => copy.textContent, SOON).toBe(said)
  expect(page.activeElement).toBe(copy)
})

it('says that a caption was not copied where the browser refuses', async () => {
  vi.stubGlobal('navigator', { clipboard: { writeText: () => Promise.reject(new Error('denied')) } })
  await load()
  give(KEY)
  await expect.poll(() => at('gate').hidden, SOON).toBe(true)
  const copy = (await addPhoto()).button('Copy as alt text')!
  copy.happen('click')
  await expect.poll(() => copy.textContent, SOON).toBe('Not copied')
})
