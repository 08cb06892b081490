import { once } from 'node:events'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { ROOT, ServiceProcess } from './fixtures/process.js'

// The compiled service with a copy of the captioner that ships, under load from clients that keep their connections.
const CLIENTS = 8
const KEY = 'a-key-of-somebody'
let service: ServiceProcess
const folder = temporaryFolder('lifecycle')

beforeAll(async () => {
  await cp(resolve(ROOT, 'models/showtell-base'), join(folder, 'bundle'), { recursive: true })
  service = await ServiceProcess.start([
    ...['--bundle', join(folder, 'bundle'), '--api-keys', KEY, '--cache-bytes', '0', '--log-level', 'warn'],
  ])
})

afterAll(() => service?.stop())

it('loses no request while its bundle is replaced, refused, and while it is told to end', async () => {
  const photo = await readFile(resolve(ROOT, 'examples/cat.jpg'))
  const headers = { Authorization: `Bearer ${KEY}` }
  const statuses = new Map<number | string, number>()
  const count = (outcome: number | string) => statuses.set(outcome, (statuses.get(outcome) ?? 0) + 1)
  const answered = async (more: number): Promise<void> => {
    const wanted = (statuses.get(200) ?? 0) + more
    await expect.poll(() => statuses.get(200) ?? 0, { timeout: 60_000 }).toBeGreaterThanOrEqual(wanted)
  }
  const client = async (): Promise<void> => {
    for (;;)
      try {
        const response = await fetch(`${service.url}/v1/captions`, { method: 'POST', headers, body: photo })
        await response.arrayBuffer()
        count(response.status)
        // Told to go elsewhere.
        if (response.headers.get('connection') === 'close') return
      } catch (error) {
        const { code } = (error as { cause: { code: string } }).cause
        // Nobody took this one.
        if (code === 'ECONNREFUSED') return
        count(code)
      }
  }
  const clients = Array.from({ length: CLIENTS }, client)
  await answered(20)

  const reload = () => fetch(`${service.url}/v1/models/reload`, { method: 'POST', headers })
  const version = async () => {
    const response = await fetch(`${service.url}/v1/model`, { headers })
    return (await response.json()).version
  }
  const first = await version()
  const config = join(folder, 'bundle/config.json')
  const settings = JSON.parse(await readFile(config, 'utf8'))
  await writeFile(config, JSON.stringify({ ...settings, terms: 'Other terms.' }))
  const reloaded = await reload()
  expect([reloaded.status, (await reloaded.json()).terms]).toEqual([200, 'Other terms.'])
  const second = await version()
  expect(second).not.toBe(first)
  await answered(20)

  await writeFile(config, JSON.stringify({ ...settings, name: '' }))
  const refused = await reload()
  expect([refused.status, (await refused.json()).error.code]).toEqual([500, 'INVALID_BUNDLE'])
  expect(await version()).toBe(second)

  await writeFile(config, JSON.stringify(settings))
  service.process.kill('SIGHUP')
  await expect.poll(version, { timeout: 60_000 }).toBe(first)
  await answered(20)

  service.process.kill('SIGTERM')
  const [code] = await once(service.process, 'exit')
  await Promise.all(clients)
  expect(code).toBe(0)
  expect([...statuses.keys()]).toEqual([200])
})
