import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { loadCaptioner } from '../decoder/captioner.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { type CaptionOptions, captionOptionsSchema } from '../decoder/options.js'
import type { CaptionedPhoto, Captioner, ImageInput } from '../decoder/types.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { Batcher } from './batcher.js'
import { gate, SOON } from './fixtures/service.js'

const OPTIONS = captionOptionsSchema.parse({})
const OTHER = captionOptionsSchema.parse({ count: 2 })
const LIMITS = { queueSize: 100, batchSize: 4, batchDelay: 5 }
const never = new AbortController().signal

/** Captions each photo with its own bytes; remembers the batches. */
class Echo {
  readonly batches: string[][] = []
  gate: Promise<void> = Promise.resolve()

  async caption(images: readonly ImageInput[]): Promise<CaptionedPhoto[]> {
    const texts = images.map((image) => Buffer.from(image as Uint8Array).toString())
    this.batches.push(texts)
    await this.gate
    return texts.map((text) => ({
      captions: [{ text, tokens: [text], logProb: 0, wordLogProbs: [], score: 0, confidence: 1 }],
      timing: { decode: 0, encode: 0, search: 0 },
    }))
  }
}

async function texts(
  batcher: Batcher,
  photos: string[],
  options: CaptionOptions = OPTIONS,
  signal = never,
  large: boolean[] = [],
): Promise<string[]> {
  const images = photos.map((photo) => Buffer.from(photo))
  const answers = await batcher.caption(images, options, signal, large)
  return answers.map((answer) => (answer instanceof Error ? answer.message : answer.captions[0]!.text))
}

describe('Batcher', () => {
  // Time passes between turns of the event loop alone: what asks in one turn arrives together on a busy machine too.
  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'performance'],
      shouldAdvanceTime: true,
      advanceTimeDelta: LIMITS.batchDelay,
    })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('captions together what arrives together, and gives everyone their own', async () => {
    const echo = new Echo()
    const batcher = new Batcher(echo, LIMITS)
    expect(await Promise.all([texts(batcher, ['a']), texts(batcher, ['b', 'c'])])).toEqual([
      ['a'],
      ['b', 'c'],
    ])
    expect(echo.batches).toEqual([['a', 'b', 'c']])
  })

  it('fills a batch to its size and not beyond', async () => {
    const echo = new Echo()
    const batcher = new Batcher(echo, LIMITS)
    const photos = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
    expect(await texts(batcher, photos)).toEqual(photos)
    expect(echo.batches.map(({ length }) => length)).toEqual([4, 4, 1])
  })

  it('keeps photos of different options apart', async () => {
    const echo = new Echo()
    const batcher = new Batcher(echo, LIMITS)
    await Promise.all([texts(batcher, ['a']), texts(batcher, ['b'], OTHER), texts(batcher, ['c'])])
    expect(echo.batches).toEqual([['a', 'c'], ['b']])
  })

  it('takes fewer photos together the longer each takes, but one always, and as many as the page sends', async () => {
    const echo = new Echo()
    const batcher = new Batcher(echo, LIMITS)
    const sizes = async (options: object) => {
      echo.batches.length = 0
      await texts(batcher, ['a', 'b', 'c', 'd', 'e'], captionOptionsSchema.parse(options))
      return echo.batches.map(({ length }) => length)
    }
    expect(await sizes({ count: 3, beamSize: 5 })).toEqual([4, 1])
    expect(await sizes({ count: 3, beamSize: 10 })).toEqual([2, 2, 1])
    expect(await sizes({ count: 10, beamSize: 20, maxLength: 50 })).toEqual([1, 1, 1, 1, 1])
  })

  it('lets photos of other options in between the batches of a large request', async () => {
    const echo = new Echo()
    const { shut, open } = gate()
    echo.gate = shut
    const batcher = new Batcher(echo, { ...LIMITS, batchSize: 2 })
    const all = [texts(batcher, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])]
    await expect.poll(() => echo.batches.length, SOON).toBe(2)
    all.push(texts(batcher, ['x'], OTHER), texts(batcher, ['y'], captionOptionsSchema.parse({ count: 3 })))
    all.push(texts(batcher, ['z'], OTHER))
    open()
    await Promise.all(all)
    expect(echo.batches.map((batch) => batch.join(''))).toEqual(['ab', 'cd', 'xz', 'ef', 'y', 'gh'])
  })

  it('has one batch of long searches under way at a time, and lets others pass', async () => {
    const echo = new Echo()
    const { shut, open } = gate()
    echo.gate = shut
    const batcher = new Batcher(echo, LIMITS)
    const long = [{ count: 10 }, { beamSize: 20 }].map((options) => captionOptionsSchema.parse(options))
    const all = long.map((options, i) => texts(batcher, [`long ${i}`, `long ${i}`, `long ${i}`], options))
    expect(echo.batches).toEqual([['long 0', 'long 0']])
    all.push(texts(batcher, ['short']))
    await expect.poll(() => echo.batches.slice(1), SOON).toEqual([['short']])
    open()
    await Promise.all(all)
    expect(echo.batches.slice(2)).toEqual([['long 1', 'long 1', 'long 1'], ['long 0']])
  })

  it('captions photos that take long to decode by themselves, one at a time, and lets others pass', async () => {
    const echo = new Echo()
    const { shut, open } = gate()
    echo.gate = shut
    const batcher = new Batcher(echo, LIMITS)
    const large = [true, true, true, false]
    const mixed = texts(batcher, ['big 1', 'big 2', 'big 3', 'a'], OPTIONS, never, large)
    await expect.poll(() => echo.batches, SOON).toEqual([['big 1'], ['a']])
    const long = texts(batcher, ['long'], captionOptionsSchema.parse({ count: 10 }))
    open()
    expect(await mixed).toEqual(['big 1', 'big 2', 'big 3', 'a'])
    await long
    expect(echo.batches.slice(2)).toEqual([['big 2'], ['long'], ['big 3']])
  })

  it('refuses what does not fit and takes nothing of it', async () => {
    const batcher = new Batcher(new Echo(), { ...LIMITS, queueSize: 2 })
    const first = texts(batcher, ['a'])
    await expect(texts(batcher, ['b', 'c'])).rejects.toMatchObject({ code: 'OVERLOADED' })
    expect(batcher.depth).toBe(1)
    expect(await first).toEqual(['a'])
    expect(batcher.depth).toBe(0)
  })

  it('drops waiting photos whose client is gone', async () => {
    const echo = new Echo()
    const batcher = new Batcher(echo, LIMITS)
    const controller = new AbortController()
    const gone = texts(batcher, ['a'], OPTIONS, controller.signal)
    const stays = texts(batcher, ['b'])
    controller.abort(new Error('gone'))
    await expect(gone).rejects.toThrow('gone')
    expect(await stays).toEqual(['b'])
    expect(echo.batches).toEqual([['b']])
  })

  it('settles for a client that is gone when the batches that hold its photos are done', async () => {
    const echo = new Echo()
    const { shut, open } = gate()
    echo.gate = shut
    const batcher = new Batcher(echo, { ...LIMITS, batchSize: 1 })
    const controller = new AbortController()
    let settled = false
    const gone = texts(batcher, ['a', 'b', 'c'], OPTIONS, controller.signal).finally(() => {
      settled = true
    })
    const failed = expect(gone).rejects.toThrow('gone')
    await expect.poll(() => echo.batches, SOON).toEqual([['a'], ['b']])
    controller.abort(new Error('gone'))
    expect(batcher.depth).toBe(0)
    await setImmediate()
    expect(settled).toBe(false)
    open()
    await failed
    expect(echo.batches).toEqual([['a'], ['b']])
  })

  it('ends a batch once everyone in it has given up, and no sooner', async () => {
    const signals: (AbortSignal | undefined)[] = []
    const batcher = new Batcher(
      {
        caption: (_images, _options, signal) => {
          signals.push(signal)
          return new Promise((_resolve, reject) =>
            signal!.addEventListener('abort', () => reject(signal!.reason), { once: true }),
          )
        },
      },
      LIMITS,
    )
    const [first, second, other] = [new AbortController(), new AbortController(), new AbortController()]
    const gone = [
      texts(batcher, ['a', 'b'], OPTIONS, first.signal),
      texts(batcher, ['c'], OPTIONS, second.signal),
      texts(batcher, ['d'], OTHER, other.signal),
    ].map((asked, i) => expect(asked).rejects.toThrow(`gone ${i}`))
    await expect.poll(() => signals.length, SOON).toBe(2)
    const ended = (): unknown[] => signals.map((signal) => signal!.aborted)
    first.abort(new Error('gone 0'))
    expect(ended()).toEqual([false, false])
    second.abort(new Error('gone 1'))
    expect(ended()).toEqual([true, false])
    other.abort(new Error('gone 2'))
    await Promise.all(gone)
  })

  it('fails everyone of a batch that fails, and goes on', async () => {
    const batcher = new Batcher(
      {
        caption: async (images) => {
          if (images.length > 1) throw new Error('the worker died')
          return [new ShowtellError('INVALID_IMAGE', 'damaged')]
        },
      },
      LIMITS,
    )
    const both = [texts(batcher, ['a']), texts(batcher, ['b'])]
    for (const outcome of await Promise.allSettled(both)) expect(outcome.status).toBe('rejected')
    expect(await texts(batcher, ['c'])).toEqual(['damaged'])
  })

  it.each(['NOT_FOUND', 'INVALID_BUNDLE', 'NUMERIC', 'INTERNAL'] as const)(
    'tells nobody of a batch what went wrong here: %s',
    async (code) => {
      const cause = new ShowtellError(code, 'Expected a bundle at /srv/bundle', { where: '/srv/bundle' })
      const batcher = new Batcher({ caption: () => Promise.reject(cause) }, LIMITS)
      const failure = await texts(batcher, ['a']).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'INTERNAL', where: undefined, cause })
      expect(messageOf(failure)).not.toContain('/srv')
    },
  )

  it('tells what is wrong with the options', async () => {
    const error = expected('an integer up to maxLength 8', 'minLength', 9)
    const batcher = new Batcher({ caption: () => Promise.reject(error) }, LIMITS)
    await expect(texts(batcher, ['a'])).rejects.toBe(error)
  })
})

describe('Batcher around a captioner', () => {
  const folder = temporaryFolder('batcher')
  let captioner: Captioner
  beforeAll(async () => {
    await writeBundle(join(folder, 'bundle'), tinyContent())
    captioner = await loadCaptioner(join(folder, 'bundle'), { threads: 1 })
  })
  afterAll(() => captioner.close())

  it('gives everyone the captions they would have alone, whatever the others ask for', async () => {
    const photos = await Promise.all(
      ['cat', 'coffee', 'flower'].map((name) =>
        readFile(fileURLToPath(new URL(`../examples/${name}.jpg`, import.meta.url))),
      ),
    )
    const asked = [{}, { count: 2 }, { temperature: 1, seed: 3 }, { style: 'ornate' }, {}].map((request) =>
      captionOptionsSchema.parse(request),
    )
    const texts = (answers: readonly (CaptionedPhoto | Error)[]) =>
      answers.map((answer) => (answer instanceof Error ? answer : answer.captions.map(({ text }) => text)))
    const batcher = new Batcher(captioner, LIMITS)
    const together = await Promise.all(asked.map((options) => batcher.caption(photos, options, never)))
    for (const [i, options] of asked.entries()) {
      const alone: (CaptionedPhoto | Error)[] = []
      for (const photo of photos) alone.push(...(await captioner.caption([photo], options)))
      expect(texts(together[i]!)).toEqual(texts(alone))
    }
  })
})
