import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { loadCaptioner } from '../decoder/captioner.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { forked } from '../decoder/fixtures/forked.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import type { ErrorAnswer } from './answer.js'
import { SOON, start } from './fixtures/service.js'
import { readConfig, serve } from './main.js'

vi.mock('node:child_process', async (importOriginal) => {
  const { notingForks } = await import('../decoder/fixtures/forked.js')
  return notingForks(importOriginal)
})

const BATCH = 4
/** Requests wait for a process that replaces another, however long it takes to start. */
const SETTINGS = { cacheBytes: '0', deadline: '3600000', drainDelay: '0' }
/** How long a process of the model may take to start, on a busy machine. */
const STARTED = { timeout: 600_000 }

const folder = temporaryFolder('crash')
const bundle = join(folder, 'bundle')
beforeAll(() => writeBundle(bundle, tinyContent()))

it('answers all but what the model was at when its process was killed', async () => {
  const captioner = await loadCaptioner(bundle, { engine: 'onnx', threads: 1 })
  const service = await start(captioner, { ...SETTINGS, batchSize: String(BATCH) })
  const body = await readFile(new URL('../examples/cat.jpg', import.meta.url))
  const answers: { status: number; body: unknown }[] = []
  let asking = true
  const client = async (): Promise<void> => {
    while (asking) {
      const response = await fetch(`${service.url}/v1/captions`, { method: 'POST', body })
      answers.push({ status: response.status, body: await response.json() })
    }
  }
  const clients = Array.from({ length: 4 * BATCH }, client)
  const answered = (count: number) => expect.poll(() => answers.length, STARTED).toBeGreaterThan(count)
  await answered(answers.length + 5 * BATCH)
  forked.at(-1)!.kill('SIGKILL')
  await expect.poll(() => forked.length, STARTED).toBe(2)
  await answered(answers.length + 5 * BATCH)
  asking = false
  await Promise.all(clients)

  const failed = answers.filter(({ status }) => status !== 200)
  // Two batches are under way at a time.
  expect(failed.length).toBeLessThanOrEqual(2 * BATCH)
  for (const { status, body: answer } of failed) {
    expect(status).toBe(500)
    expect((answer as ErrorAnswer).error).toMatchObject({ code: 'INTERNAL', requestId: expect.any(String) })
  }
  await service.stop()
  await captioner.close()
})

it('tells the operator, and no client, that the model cannot be replaced', async () => {
  const away = join(folder, 'away')
  const flags = { ...SETTINGS, port: '0', bundle, engine: 'onnx', threads: '1', logLevel: 'silent' }
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => said.mockRestore())
  const served = serve(readConfig(flags, {}))
  await expect.poll(() => said.mock.calls.join(), STARTED).toContain(' at http:')
  const url = / at (\S+)/.exec(said.mock.calls.join())![1]!
  const get = (path: string, init?: RequestInit) => fetch(`${url}${path}`, init)
  const isReady = async () => (await get('/readyz')).ok
  expect(await isReady()).toBe(true)
  const metrics = async () => (await get('/metrics')).text()
  expect(await metrics()).toContain('showtell_model_restarts_total{outcome="failed"} 0')
  await rename(bundle, away)
  forked.at(-1)!.kill('SIGKILL')
  await expect.poll(isReady, SOON).toBe(false)
  const body = await readFile(new URL('../examples/cat.jpg', import.meta.url))
  const refused = await get('/v1/captions', { method: 'POST', body })
  expect(refused.status).toBe(500)
  expect(await refused.text()).not.toContain(folder)
  expect(await metrics()).toMatch(/^showtell_model_restarts_total\{outcome="failed"\} [1-9]/m)
  await rename(away, bundle)
  expect((await get('/v1/captions', { method: 'POST', body })).status).toBe(200)
  expect(await metrics()).toContain('showtell_model_restarts_total{outcome="replaced"} 1')
  process.emit('SIGTERM')
  await served
})
