import { webcrypto } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { captionOptionsSchema } from '../decoder/options.js'
import { CaptionCache, fingerprintsOf, matches, tagOf } from './cache.js'
import { form, gate, listen, SOON } from './fixtures/service.js'

const OPTIONS = captionOptionsSchema.parse({})
const MODEL = { version: 'm', engine: 'onnx' }
const photos = (...texts: string[]) => texts.map((text) => ({ content: Buffer.from(text) }))
const caption = (text: string) => ({
  text,
  tokens: [text],
  logProb: 0,
  wordLogProbs: [],
  score: 0,
  confidence: 1,
})

describe('fingerprints', () => {
  it('are equal for equal content, options and model only', async () => {
    const of = async (text: string, options = OPTIONS, model = MODEL) =>
      (await fingerprintsOf(photos(text), options, model)).photos[0]
    const seen = [
      await of('cat'),
      await of('dog'),
      await of('cat', { ...OPTIONS, count: 2 }),
      await of('cat', OPTIONS, { ...MODEL, version: 'n' }),
      await of('cat', OPTIONS, { ...MODEL, engine: 'other' }),
    ]
    expect(new Set(seen).size).toBe(5)
    expect(await of('cat')).toBe(seen[0])
  })

  it('are others after a release, whose captions may be others', async () => {
    const of = async ({ fingerprintsOf: hashed }: typeof import('./cache.js')) =>
      (await hashed(photos('cat'), OPTIONS, MODEL)).photos
    const now = await of(await import('./cache.js'))
    vi.resetModules()
    vi.doMock('../release.js', () => ({ RELEASE: 'the next' }))
    onTestFinished(() => {
      vi.doUnmock('../release.js')
      vi.resetModules()
    })
    expect(await of(await import('./cache.js'))).not.toEqual(now)
  })

  it('are made of four photos at a time, each of which is copied meanwhile', async () => {
    const { shut, open } = gate()
    const digest = vi.spyOn(webcrypto.subtle, 'digest').mockImplementation(async () => {
      await shut
      return new ArrayBuffer(32)
    })
    onTestFinished(() => void vi.restoreAllMocks())
    const all = ['abc', 'def', 'ghi'].map((texts) => fingerprintsOf(photos(...texts), OPTIONS, MODEL))
    await setImmediate()
    expect(digest).toHaveBeenCalledTimes(4)
    open()
    await Promise.all(all)
    expect(digest).toHaveBeenCalledTimes(9)
  })

  it('make a tag that depends on the order, and none where a photo is bad', async () => {
    const tag = async (...texts: string[]) => tagOf(await fingerprintsOf(photos(...texts), OPTIONS, MODEL))
    expect(await tag('a', 'b')).not.toBe(await tag('b', 'a'))
    expect(await tag('a', 'b')).toBe(await tag('a', 'b'))
    expect(tagOf({ model: MODEL, photos: ['x', undefined] })).toBeUndefined()
  })
})

describe('matches', () => {
  it.each([
    ['W/"a"', true],
    ['"a"', true],
    ['"b", W/"a"', true],
    ['"b"', false],
    ['', false],
  ])('%s: %s', (header, expected) => expect(matches(header, 'W/"a"')).toBe(expected))
})

describe('CaptionCache', () => {
  it('forgets what was not asked for longest, and stays within its bytes', () => {
    const cache = new CaptionCache(2000)
    for (let i = 0; i < 20; i++) {
      cache.set(`key ${i}`, [caption(`caption ${i}`)])
      expect(cache.get('key 0')).toEqual([caption('caption 0')])
      expect(cache.bytes).toBeLessThanOrEqual(2000)
    }
    expect(cache.get('key 1')).toBeUndefined()
    expect(cache.get('key 19')).toBeDefined()
  })

  it('keeps nothing of no bytes', () => {
    const cache = new CaptionCache(0)
    cache.set('key', [caption('text')])
    expect(cache.get('key')).toBeUndefined()
    expect(cache.bytes).toBe(0)
  })
})

describe('answers that come again', () => {
  it('are known by content and options, whatever came with them, and counted', async () => {
    const { post, get, captioner } = await listen()
    const first = await (await post(form({ 'a.jpg': 'cat', 'b.jpg': 'dog' }))).json()
    const again = await (await post(form({ 'x.jpg': 'dog', 'new.jpg': 'bird', 'bad.jpg': 'damaged' }))).json()
    expect(again.results).toMatchObject([
      { file: 'x.jpg', captions: first.results[1].captions, timing: { encode: 0 } },
      { file: 'new.jpg', captions: [{ text: 'A bird.' }], timing: { encode: 2 } },
      { file: 'bad.jpg', error: { code: 'INVALID_IMAGE' } },
    ])
    await post(form({ 'b.jpg': 'dog' }, { count: '2' }))
    await post(form({ 'bad.jpg': 'damaged' }))
    expect(captioner.calls.map(({ images }) => images)).toEqual([
      ['cat', 'dog'],
      ['bird', 'damaged'],
      ['dog'],
      ['damaged'],
    ])
    const text = await (await get('/metrics')).text()
    expect(text).toContain('showtell_cache_photos_total{result="hit"} 1')
    expect(text).toContain('showtell_cache_photos_total{result="miss"} 6')
    expect(text).toMatch(/^showtell_cache_bytes [1-9]\d+$/m)
  })

  it('are not sent to whoever has them', async () => {
    const { post, get, captioner } = await listen()
    const first = await post(form({ 'a.jpg': 'cat' }))
    const tag = first.headers.get('etag')!
    const ask = (text: string) => post(form({ 'a.jpg': text }), undefined, { 'If-None-Match': tag })
    const known = await ask('cat')
    expect([known.status, known.headers.get('etag'), await known.text()]).toEqual([304, tag, ''])
    expect((await ask('dog')).status).toBe(200)
    expect(captioner.calls).toHaveLength(2)
    const metrics = await (await get('/metrics')).text()
    expect(metrics).toContain('showtell_photos_total{outcome="unchanged"} 1')
    expect(metrics).toContain('showtell_photos_total{outcome="captioned"} 2')
  })

  it.each([
    ['another took its place meanwhile', 'v2'],
    ['it was loaded again after another that may have answered', 'v1'],
  ])(
    'have the version of the model, but neither that nor a tag where %s, and are not kept',
    async (_how, version) => {
      const { post, captioner } = await listen()
      const first = await post(form({ 'a.jpg': 'cat' }))
      expect(await first.json()).toMatchObject({ model: 'fake', version: 'v1' })
      const { shut, open } = gate()
      captioner.gate = shut
      const asked = post(form({ 'a.jpg': 'dog' }))
      await expect.poll(() => captioner.calls.length, SOON).toBe(2)
      const before = captioner.model
      captioner.model = { ...before, version }
      open()
      const answer = await asked
      expect(answer.headers.get('etag')).toBeNull()
      expect(await answer.json()).toEqual(expect.not.objectContaining({ version: expect.anything() }))
      // Of neither model.
      for (const model of [captioner.model, before]) {
        captioner.model = model
        await (await post(form({ 'a.jpg': 'dog' }))).json()
      }
      expect(captioner.calls.length).toBe(version === 'v1' ? 3 : 4)
    },
  )

  it('have no tag where a photo failed', async () => {
    const { post } = await listen()
    const mixed = await post(form({ 'a.jpg': 'cat', 'b.jpg': 'damaged' }))
    expect(mixed.headers.get('etag')).toBeNull()
  })
})
