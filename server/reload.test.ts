import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { loadCaptioner } from '../decoder/captioner.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import type { CaptionedPhoto, Captioner } from '../decoder/types.js'
import { ShowtellError } from '../errors.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { FakeCaptioner, failure, gate, listen } from './fixtures/service.js'
import { ReplaceableCaptioner } from './reload.js'

const CAT = [Buffer.from('cat')]

/** One captioner after the other, each with its own version. */
class Loads {
  readonly made: (FakeCaptioner & { closed: number })[] = []
  prepare: (captioner: FakeCaptioner) => void = () => {}

  readonly next = async (): Promise<Captioner> => {
    const captioner = Object.assign(new FakeCaptioner(`v${this.made.length}`), { closed: 0 })
    captioner.close = async () => {
      captioner.closed++
    }
    this.prepare(captioner)
    this.made.push(captioner)
    return captioner
  }
}

async function replaceable() {
  const loads = new Loads()
  const captioner = new ReplaceableCaptioner(await loads.next(), loads.next, 2)
  return { loads, captioner, closed: () => loads.made.map(({ closed }) => closed) }
}

/** One that is being replaced, until it is told to be done. */
async function replacing() {
  const { loads, ...rest } = await replaceable()
  const { shut, open } = gate()
  loads.prepare = (next) => {
    next.gate = shut
  }
  const first = rest.captioner.reload()
  await expect.poll(() => loads.made.length).toBe(2)
  return { ...rest, first, open }
}

describe('ReplaceableCaptioner', () => {
  it('captions with the new one after a reload, and closes the old one', async () => {
    const { captioner, loads, closed } = await replaceable()
    expect((await captioner.reload()).version).toBe('v1')
    expect(captioner.model.version).toBe('v1')
    expect(captioner.reloads).toEqual({ replaced: 1, failed: 0 })
    await captioner.caption(CAT)
    expect(loads.made.map(({ calls }) => calls.length)).toEqual([0, 2])
    expect(closed()).toEqual([1, 0])
  })

  it('lets the old one finish what it has begun', async () => {
    const { captioner, loads, closed } = await replaceable()
    const { shut, open } = gate()
    loads.made[0]!.gate = shut
    const begun = captioner.caption(CAT)
    await captioner.reload()
    expect(closed()).toEqual([0, 0])
    open()
    expect(await begun).toMatchObject([{ captions: [{ text: 'A cat.' }] }])
    expect(closed()).toEqual([1, 0])
  })

  it.each([
    ['is not there', 'NOT_FOUND'],
    ['is none for the engine of the settings', 'INVALID_ARGUMENT'],
  ] as const)('keeps the old one where the new one %s, and blames no request', async (_why, code) => {
    const { captioner, loads, closed } = await replaceable()
    loads.prepare = () => {
      throw new ShowtellError(code, 'Expected a bundle')
    }
    await expect(captioner.reload()).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      message: 'Expected a bundle',
    })
    expect(await captioner.caption(CAT)).toMatchObject([{ captions: [{}] }])
    expect([captioner.model.version, closed()]).toEqual(['v0', [0]])
  })

  it('keeps the old one where the new one does not caption, and frees that', async () => {
    const { captioner, loads, closed } = await replaceable()
    loads.prepare = (next) => {
      next.caption = async () => [new ShowtellError('NUMERIC', 'NaN')]
    }
    await expect(captioner.reload()).rejects.toThrow('NaN')
    expect([captioner.model.version, closed()]).toEqual(['v0', [0, 1]])
    expect(captioner.reloads).toEqual({ replaced: 0, failed: 1 })
  })

  it('replaces one after the other; who asks while one waits gets that one', async () => {
    const { captioner, closed, first, open } = await replacing()
    const later = [captioner.reload(), captioner.reload(), captioner.reload()]
    open()
    const models = await Promise.all([first, ...later])
    expect(models.map(({ version }) => version)).toEqual(['v1', 'v2', 'v2', 'v2'])
    expect(captioner.reloads).toEqual({ replaced: 2, failed: 0 })
    expect(closed()).toEqual([1, 1, 0])
    await captioner.close()
    expect(closed()).toEqual([1, 1, 1])
  })

  it('begins none any more once it is closed', async () => {
    const { captioner, closed, first, open } = await replacing()
    const refused = expect(captioner.reload()).rejects.toMatchObject({ code: 'ABORTED' })
    const closing = captioner.close()
    open()
    expect((await first).version).toBe('v1')
    await refused
    await closing
    expect(closed()).toEqual([1, 1])
  })
})

describe('POST /v1/models/reload', () => {
  const apiKeys = ['a-key-of-somebody']
  const key = { Authorization: `Bearer ${apiKeys[0]}` }

  it('wants a key, even where captions want none', async () => {
    let reloads = 0
    const reload = async () => {
      reloads++
      return new FakeCaptioner('v2').model
    }
    const open = await listen({}, { reload })
    expect(await failure(await open.post('', '/v1/models/reload', key))).toMatchObject({ status: 401 })
    const { post } = await listen({ apiKeys }, { reload })
    expect((await post('', '/v1/models/reload')).status).toBe(401)
    expect(reloads).toBe(0)
    const response = await post('', '/v1/models/reload', key)
    expect([response.status, (await response.json()).version]).toEqual([200, 'v2'])
    expect(reloads).toBe(1)
  })

  it('says why a bundle is refused', async () => {
    const { post, get } = await listen(
      { apiKeys },
      { reload: () => Promise.reject(new ShowtellError('INVALID_BUNDLE', 'Expected sha256 1')) },
    )
    expect(await failure(await post('', '/v1/models/reload', key))).toMatchObject({
      status: 500,
      code: 'INVALID_BUNDLE',
      message: 'Expected sha256 1',
    })
    expect((await get('/readyz')).status).toBe(200)
  })
})

describe('a bundle that is replaced on disk', () => {
  const folder = temporaryFolder('reload')

  it('is served after a reload while requests go on, and a broken one is refused', async () => {
    const path = join(folder, 'bundle')
    const content = tinyContent()
    await writeBundle(path, content)
    const load = () => loadCaptioner(path, { threads: 1 })
    const captioner = new ReplaceableCaptioner(await load(), load, 2)
    const photo = await readFile(fileURLToPath(new URL('../examples/cat.jpg', import.meta.url)))
    let going = true
    const outcomes: (CaptionedPhoto | Error)[] = []
    const asking = (async () => {
      while (going) outcomes.push(...(await captioner.caption([photo])))
    })()
    const { version } = captioner.model
    await writeBundle(path, { ...content, config: { ...content.config, name: 'second' } })
    const next = await captioner.reload()
    expect(next).toMatchObject({ name: 'second' })
    expect(next.version).not.toBe(version)
    const weights = join(path, 'model.safetensors')
    const bytes = await readFile(weights)
    bytes[bytes.length - 1]! ^= 1
    await writeFile(weights, bytes)
    await expect(captioner.reload()).rejects.toMatchObject({ code: 'INVALID_BUNDLE', where: weights })
    await rm(path, { recursive: true })
    await expect(captioner.reload()).rejects.toMatchObject({ code: 'INVALID_BUNDLE' })
    going = false
    await asking
    expect(captioner.model).toEqual(next)
    expect(outcomes.length).toBeGreaterThan(0)
    expect(outcomes.filter((outcome) => outcome instanceof Error)).toEqual([])
    await captioner.close()
  })
})
