import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, it, vi } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { loadCaptioner } from '../decoder/captioner.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { forked } from '../decoder/fixtures/forked.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import type { ErrorAnswer } from './answer.js'
import { freePort, SOON, start } from './fixtures/service.js'
import { readConfig, serve } from './main.js'

vi.mock('node:child_process', async (importOriginal) => {
  const { notingForks } = await import('../decoder/fixtures/forked.js')
  return notingForks(importOriginal)
})

const BATCH = 4

const folder = temporaryFolder('crash')
const bundle = join(folder, 'bundle')
beforeAll(() => writeBundle(bundle, tinyContent()))

it('answers all but what the model was at when its process was killed', { timeout: 180_000 }, async () => {
  const captioner = await loadCaptioner(bundle, { engine: 'onnx', threads: 1 })
  const service = await start(captioner, { batchSize: String(BATCH), cacheBytes: '0', drainDelay: '0' })
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
  const answered = (count: number) =>
    expect.poll(() => answers.length, { timeout: 60_000 }).toBeGreaterThan(count)
  await answered(answers.length + 5 * BATCH)
  forked.at(-1)!.kill('SIGKILL')
  await expect.poll(() => forked.length, { timeout: 60_000 }).toBe(2)
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

it('tells the operator, and no client, that the model cannot be replaced', { timeout: 180_000 }, async () => {
  const away = join(folder, 'away')
  const port = await freePort()
  const flags = { port: String(port), bundle, engine: 'onnx', threads: '1', cacheBytes: '0', drainDelay: '0' }
  const served = serve(readConfig({ ...flags, logLevel: 'silent' }, {}))
  const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init)
  const isReady = () =>
    get('/readyz').then(
      ({ ok }) => ok,
      () => false,
    )
  await expect.poll(isReady, { timeout: 60_000 }).toBe(true)
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
