import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type FakeElement, FakePage } from './fixtures/document.js'
import { FakeServer } from './fixtures/server.js'

const KEY = 'the-key-of-this-server'
const REFUSED = 'That key was refused.'
const BUSY = 'The server has too much to do just now.'
const SOON = { timeout: 10_000 }
let page: FakePage
let server: FakeServer

beforeEach(() => {
  page = new FakePage()
  server = new FakeServer(KEY)
  for (const id of ['gate', 'tray', 'again']) at(id).hidden = true
  vi.stubGlobal('document', page)
  vi.stubGlobal('navigator', { onLine: true })
  vi.stubGlobal('fetch', server.fetch)
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
  await expect.poll(() => server.asked, SOON).toBe(1)
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
  server.trouble = 429
  give(KEY)
  await expect.poll(() => at('refused').textContent, SOON).toBe(BUSY)
  server.trouble = undefined
  server.lost = 'v1/model'
  give(KEY)
  await expect.poll(() => at('refused').textContent, SOON).toBe('The server does not answer.')
  expect([at('gate').hidden, server.asked]).toEqual([false, 4])
  server.lost = undefined
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
  expect([at('gate').hidden, server.asked]).toEqual([false, 1])
})

it('asks for a key when a photo is refused for want of one, and then for the captions again', async () => {
  server.trouble = 500
  await load()
  expect(at('gate').hidden).toBe(true)
  server.trouble = undefined
  const card = await addPhoto()
  expect(at('gate').hidden).toBe(false)
  // Not while nobody knows whether the key is right.
  server.trouble = 429
  give(KEY)
  await expect.poll(() => at('refused').textContent, SOON).toBe(BUSY)
  expect(card.className).toBe('failed')
  server.trouble = undefined
  give(KEY)
  await expect.poll(() => at('gate').hidden, SOON).toBe(true)
  await expect.poll(() => card.textContent, SOON).toContain('A cat.')
  expect(page.activeElement).toBe(at('files'))
})

it('leaves the focus with the photo that is tried again', async () => {
  await load()
  const card = await addPhoto()
  server.trouble = 500
  const again = card.button('Try again')!
  again.focus()
  again.happen('click')
  expect([page.activeElement, card.tabIndex]).toEqual([card, -1])
  await expect.poll(() => card.className, SOON).toBe('failed')
})

it('tries all again that failed of something passing, with one button', async () => {
  await load()
  give(KEY)
  await expect.poll(() => at('gate').hidden, SOON).toBe(true)
  expect(at('again').hidden).toBe(true)
  server.trouble = 422
  await addPhoto()
  expect(at('again').hidden).toBe(true)
  server.trouble = 500
  await addPhoto(...['a', 'b'].map((name) => new File([name], `${name}.jpg`)))
  await expect.poll(() => at('status').textContent, SOON).toBe('0 of 3 photos captioned, 3 failed')
  expect(at('again').hidden).toBe(false)
  server.trouble = undefined
  at('again').happen('click')
  const [, first] = at('album').children as FakeElement[]
  expect([at('again').hidden, page.activeElement]).toEqual([true, first])
  await expect.poll(() => at('status').textContent, SOON).toBe('2 of 3 photos captioned, 1 failed')
})

it('says of a photo that waits for a busy server why it does', async () => {
  await load()
  server.trouble = 429
  const added = addPhoto()
  const [card] = at('album').children as FakeElement[]
  expect(card!.textContent).toContain('Looking …')
  await expect.poll(() => card!.textContent, SOON).toContain(`${BUSY} Asking again …`)
  expect(card!.className).toBe('waiting')
  server.trouble = undefined
  expect((await added).textContent).toContain('The server wants a key.')
})

it('has no photo wait on once a key is accepted', async () => {
  await load()
  server.trouble = 429
  server.retryAfter = '60'
  const added = addPhoto()
  const [card] = at('album').children as FakeElement[]
  await expect.poll(() => card!.textContent, SOON).toContain(BUSY)
  server.trouble = undefined
  give(KEY)
  expect((await added).textContent).toContain('A cat.')
})

it('shows captions without the light where the model cannot be asked for its grid', async () => {
  server.lost = 'v1/model'
  await load()
  const card = await addPhoto()
  give(KEY)
  card.button('Try again')!.happen('click')
  await expect.poll(() => card.textContent, SOON).toContain('A cat.')
  expect(card.button('cat')).toBeUndefined()
  server.lost = undefined
  const [, lit] = [await addPhoto(), (at('album').children as FakeElement[])[1]!]
  await expect.poll(() => lit.button('cat'), SOON).toBeDefined()
})

it.each([
  ['its first word', undefined],
  ['its photo where no word can be pointed at', 'v1/model'],
])('leaves the focus with a caption that is taken instead: %s', async (_which, path) => {
  server.lost = path
  await load()
  const card = await addPhoto()
  give(KEY)
  card.button('Try again')!.happen('click')
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
  server.asked = 0
  server.calibrated = false
  await load()
  give(KEY)
  const card = await addPhoto()
  expect(card.textContent).toContain('A cat.')
  expect(card.textContent).not.toContain('right')
})

it('tells of a photo that took too long to arrive, and offers to try again', async () => {
  await load()
  server.trouble = 408
  const card = await addPhoto()
  expect(card.textContent).toContain('The photo took too long to reach the server.')
  expect(card.button('Try again')).toBeDefined()
})

it('sends one photo after the other once they took too long together', async () => {
  server.mostUploads = 1
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
