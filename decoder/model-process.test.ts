import { type ChildProcess, execFile } from 'node:child_process'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { writeBundle } from './bundle.js'
import { loadCaptioner } from './captioner.js'
import type { CaptionedBatch } from './captioning.js'
import { CAT, FLOWER, tinyContent } from './fixtures/captioners.js'
import { forked } from './fixtures/forked.js'
import { ModelProcess } from './model-process.js'
import { captionOptionsSchema } from './options.js'
import type { Captioner, ModelEvent } from './types.js'
import type { WorkerAnswer } from './worker.js'

vi.mock('node:child_process', async (importOriginal) => {
  const { notingForks } = await import('./fixtures/forked.js')
  return notingForks(importOriginal)
})

const folder = temporaryFolder('process')
const path = join(folder, 'bundle')
beforeAll(() => writeBundle(path, tinyContent()))

/** Captions of a photo, which may not fail. */
async function captions(by: Captioner) {
  const [result] = await by.caption([CAT])
  if (result === undefined || result instanceof Error) throw result
  return result.captions
}

/** Takes many times as long as a message. */
const LONG = {
  ...{ count: 10, beamSize: 20, minLength: 50, maxLength: 50 },
  ...{ noRepeatNgram: 0, noRepeatContentWord: false },
}

/** Of captions of one hypothesis and so many words. */
const words = (length: number) => ({ count: 1, beamSize: 1, minLength: length, maxLength: length })

/** Each step of the models that a test starts takes so many ms. */
function stepsTake(time: number): void {
  const slow = `import timers from 'node:timers/promises'
    import { syncBuiltinESMExports } from 'node:module'
    timers.setImmediate = () => timers.setTimeout(${time})
    syncBuiltinESMExports()`
  vi.stubEnv('NODE_OPTIONS', `--import data:text/javascript,${encodeURIComponent(slow)}`)
  onTestFinished(() => void vi.unstubAllEnvs())
}

/** Stops the clock of the watch over processes, which a busy machine would run down. @returns lets so many ms pass. */
function clock(): (time: number) => void {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  return (time) => void vi.advanceTimersByTime(time)
}

/** Calls back when so many requests are on their way to the newest process of a model, before they are answered. */
function whenAsked(times: number, then: (child: ChildProcess) => unknown): void {
  const child = forked.at(-1)!
  const send = child.send.bind(child)
  child.send = (...message: unknown[]) => {
    const isSent = send(...(message as Parameters<typeof send>))
    if (--times === 0) void then(child)
    return isSent
  }
}

describe('a request that nobody waits for any more', () => {
  it.each(['onnx', 'wasm'] as const)(
    'is searched no further, and the next is answered: %s',
    async (engine) => {
      const other = await loadCaptioner(path, { engine, threads: 1 })
      const before = await captions(other)
      const gone = new AbortController()
      const asked = expect(other.caption(Array(4).fill(CAT), LONG, gone.signal)).rejects.toThrow('gone')
      await new Promise((sent) => whenAsked(1, sent))
      gone.abort(new Error('gone'))
      expect(await captions(other)).toEqual(before)
      await asked
      await expect(other.caption([CAT], {}, gone.signal)).rejects.toThrow('gone')
      await other.close()
    },
  )
})

it('finds its bundle again when the program works in another folder by then', async () => {
  const before = process.cwd()
  process.chdir(folder)
  onTestFinished(() => process.chdir(before))
  const other = await loadCaptioner('bundle', { engine: 'onnx', threads: 1 })
  process.chdir(before)
  forked.at(-1)!.kill('SIGKILL')
  await expect.poll(() => other.isOpen, { timeout: 60_000 }).toBe(false)
  expect(await captions(other)).toHaveLength(1)
  await other.close()
})

it('starts where its priority may not be changed', async () => {
  const refusing = `import os from 'node:os'
    import { syncBuiltinESMExports } from 'node:module'
    os.setPriority = () => { throw new Error('EPERM: no priority') }
    syncBuiltinESMExports()`
  vi.stubEnv('NODE_OPTIONS', `--import data:text/javascript,${encodeURIComponent(refusing)}`)
  onTestFinished(() => void vi.unstubAllEnvs())
  const other = await loadCaptioner(path, { engine: 'onnx', threads: 1 })
  expect(await captions(other)).toHaveLength(1)
  await other.close()
})

describe('many requests at once', () => {
  const options = captionOptionsSchema.parse({ ...LONG, ...words(1), style: 'plain' })

  it('have one sign of life among them', async () => {
    stepsTake(250)
    const model = new ModelProcess({ bundles: [path], engine: 'cpu', threads: 1 })
    onTestFinished(() => model.close())
    const { imageSize } = await model.open()
    let signs = 0
    forked.at(-1)!.on('message', ({ kind }: WorkerAnswer) => {
      if (kind === 'alive') signs++
    })
    const begin = performance.now()
    const pixels = new Uint8Array(imageSize * imageSize * 3)
    await Promise.all(Array.from({ length: 8 }, () => model.caption(pixels, 1, options)))
    expect(signs).toBeGreaterThan(0)
    // Two a second; a timer may be late, but not early, but for its rounding.
    expect(signs).toBeLessThanOrEqual((performance.now() - begin) / 499 + 1)
  })

  it('may have one signal, without a warning of a leak', async () => {
    const model = new ModelProcess({ bundles: [path], engine: 'onnx', threads: 1 })
    onTestFinished(() => model.close())
    const { imageSize } = await model.open()
    const told: Error[] = []
    const onWarning = (warning: Error) => void told.push(warning)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    const { signal } = new AbortController()
    const pixels = new Uint8Array(imageSize * imageSize * 3)
    await Promise.all(Array.from({ length: 12 }, () => model.caption(pixels, 1, options, signal)))
    expect(told).toEqual([])
  })
})

describe('an end', () => {
  it('of a closed captioner rejects what waits and what comes after', async () => {
    const other = await loadCaptioner(path, { engine: 'onnx', threads: 1 })
    whenAsked(1, () => other.close())
    await expect(other.caption([CAT])).rejects.toMatchObject({ code: 'ABORTED' })
    // The model is asked for nothing where there is no photo, or none that can be read.
    for (const images of [[CAT], [], [new Uint8Array(10)]])
      await expect(other.caption(images)).rejects.toMatchObject({ code: 'ABORTED' })
    await other.close()
  })

  it('of a captioner that is at work does not end the program that awaits it', async () => {
    const imported = (name: string): string =>
      `await import(${JSON.stringify(new URL(name, import.meta.url).href)})`
    const program = `
      const { ModelProcess } = ${imported('./model-process.ts')}
      const { captionOptionsSchema } = ${imported('./options.ts')}
      const model = new ModelProcess(${JSON.stringify({ bundles: [path], engine: 'onnx', threads: 1 })})
      const { imageSize } = await model.open()
      const options = captionOptionsSchema.parse(${JSON.stringify({ ...LONG, style: 'plain' })})
      const asked = model.caption(new Uint8Array(4 * imageSize ** 2 * 3), 4, options).catch(({ code }) => code)
      // Until the process has been asked.
      await new Promise((then) => setImmediate(then))
      await model.close()
      console.log('closed', await asked)`
    const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    expect(stdout).toBe('closed ABORTED\n')
  })

  it.each<[string, (child: ChildProcess) => unknown]>([
    ['is killed', (child) => child.kill('SIGKILL')],
    ['aborts, as native code does', (child) => child.kill('SIGABRT')],
  ])('of a process that %s rejects what it was at; another answers what comes after', async (_how, kill) => {
    const other = await loadCaptioner(path, { engine: 'onnx', threads: 1 })
    const before = await captions(other)
    // Stopped, so that both are with the process, and neither answered.
    forked.at(-1)!.kill('SIGSTOP')
    whenAsked(2, (child) => kill(child) && child.kill('SIGCONT'))
    const waiting = await Promise.allSettled([other.caption([CAT]), other.caption([FLOWER])])
    for (const answer of waiting)
      expect(answer).toMatchObject({
        status: 'rejected',
        reason: {
          code: 'INTERNAL',
          message: expect.stringContaining("Expected the model's process to run but it ended"),
        },
      })
    expect(await captions(other)).toEqual(before)
    await other.close()
    await expect(other.caption([CAT])).rejects.toMatchObject({ code: 'ABORTED' })
  })

  it('comes to a process that hangs', async () => {
    const patience = 2000
    const hanging = new ModelProcess({ bundles: [path], engine: 'onnx', threads: 1 }, undefined, patience)
    const { imageSize } = await hanging.open()
    const pixels = new Uint8Array(imageSize * imageSize * 3)
    const options = captionOptionsSchema.parse({ style: 'plain' })
    const pass = clock()
    // Longer together than its patience, but each within it.
    let answers = 0
    forked.at(-1)!.on('message', ({ kind }: WorkerAnswer) => {
      // While others wait.
      if (kind === 'captions' && ++answers < 5) pass(0.9 * patience)
    })
    const ask = async (rounds: number): Promise<CaptionedBatch> => {
      const answer = await hanging.caption(pixels, 1, options)
      return rounds > 1 ? ask(rounds - 1) : answer
    }
    const [{ captions: before }] = await Promise.all([ask(3), ask(3)])
    forked.at(-1)!.kill('SIGSTOP')
    whenAsked(1, () => pass(patience))
    await expect(hanging.caption(pixels, 1, options)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('no sign of life within 2000 ms'),
    })
    expect((await hanging.caption(pixels, 1, options)).captions).toEqual(before)
    await hanging.close()
  })

  it('does not come to a process that takes long, a little at a time', async () => {
    stepsTake(250)
    const patience = 2000
    const patient = new ModelProcess({ bundles: [path], engine: 'cpu', threads: 1 }, undefined, patience)
    const { imageSize } = await patient.open()
    const options = captionOptionsSchema.parse({ ...LONG, ...words(14), style: 'plain' })
    const pass = clock()
    let signs = 0
    forked.at(-1)!.on('message', ({ kind }: WorkerAnswer) => {
      if (kind === 'alive' && ++signs > 0) pass(0.9 * patience)
    })
    await patient.caption(new Uint8Array(imageSize * imageSize * 3), 1, options)
    expect(signs).toBeGreaterThan(1)
    await patient.close()
  })

  it('of an idle process is made good before anybody asks', async () => {
    const other = await loadCaptioner(path, { engine: 'onnx', threads: 1 })
    const processes = forked.length
    expect(other.isOpen).toBe(true)
    forked.at(-1)!.kill('SIGKILL')
    await expect.poll(() => forked.length, { timeout: 60_000 }).toBe(processes + 1)
    expect(other.isOpen).toBe(false)
    await expect.poll(() => other.isOpen, { timeout: 60_000 }).toBe(true)
    expect(await captions(other)).toHaveLength(1)
    await other.close()
    expect(other.isOpen).toBe(false)
  })

  it('of a process whose bundle is gone tells that until it is there again', async () => {
    const events: ModelEvent[] = []
    const onEvent = (event: ModelEvent) => events.push(event)
    const other = await loadCaptioner(path, { engine: 'onnx', threads: 1, onEvent })
    const [away, config] = [join(folder, 'away'), join(path, 'config.json')]
    whenAsked(1, (child) => child.kill('SIGKILL'))
    await rename(path, away)
    await expect(other.caption([CAT])).rejects.toMatchObject({ code: 'INTERNAL' })
    await expect(other.caption([CAT])).rejects.toMatchObject({ code: 'NOT_FOUND', where: path })
    await rename(away, path)
    const before = await readFile(config, 'utf8')
    await writeFile(config, before.replace('"tiny"', '"large"'))
    await expect(other.caption([CAT])).rejects.toMatchObject({ code: 'INVALID_BUNDLE', where: path })
    await writeFile(config, before)
    expect(await captions(other)).toHaveLength(1)
    await other.close()
    const told = events.map((event) => (event.kind === 'replaced' ? event.kind : event))
    expect([told[0], told.at(-1)]).toMatchObject([{ kind: 'died', error: { code: 'INTERNAL' } }, 'replaced'])
    for (const code of ['NOT_FOUND', 'INVALID_BUNDLE'])
      expect(told).toContainEqual({ kind: 'not replaced', error: expect.objectContaining({ code }) })
  })
})
