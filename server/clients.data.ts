import { execFile } from 'node:child_process'
import { openAsBlob } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import type { CaptionsAnswer } from './answer.js'
import { ROOT, ServiceProcess } from './fixtures/process.js'

// The compiled service with the captioner that ships, and clients that others wrote: SHOWTELL_PYTHON has
// tritonclient[http], openapi-python-client and schemathesis.
const PYTHON = process.env.SHOWTELL_PYTHON ?? 'python3'
const CLIENTS = resolve(import.meta.dirname, 'fixtures/clients')
const CAT = resolve(ROOT, 'examples/cat.jpg')
const FLOWER = resolve(ROOT, 'examples/flower.jpg')

const run = promisify(execFile)
let service: ServiceProcess
let url: string
const folder = temporaryFolder('clients')

beforeAll(async () => {
  service = await ServiceProcess.start(['--log-level', 'warn'])
  url = service.url
})

afterAll(() => service?.stop())

/** A program of SHOWTELL_PYTHON's environment, which other Pythons of this machine must not get into. */
const environment = { ...process.env, PATH: `${dirname(PYTHON)}:${process.env.PATH}`, PYTHONPATH: CLIENTS }
async function python(...args: string[]): Promise<string> {
  return (await run(PYTHON, args, { env: environment, cwd: folder, maxBuffer: 2 ** 26 })).stdout
}

async function captionsOf(count: number, ...paths: string[]): Promise<string[][]> {
  const form = new FormData()
  for (const path of paths) form.append('image', await openAsBlob(path), path)
  form.append('count', String(count))
  const response = await fetch(`${url}/v1/captions`, { method: 'POST', body: form })
  const { results } = (await response.json()) as CaptionsAnswer
  return results.map((result) => ('captions' in result ? result.captions.map(({ text }) => text) : []))
}

it("lists, describes and infers for Triton's client, with binary tensors too", async () => {
  const told = JSON.parse(await python(join(CLIENTS, 'triton.py'), new URL(url).host, CAT, FLOWER))
  expect(told).toMatchObject({
    ready: [true, true, true],
    server: 'showtell',
    models: ['captioner'],
    inputs: ['image'],
    id: '7',
    binary: await captionsOf(2, CAT, FLOWER),
    plain: await captionsOf(1, CAT, FLOWER),
    refused: ['415', expect.stringContaining('Expected a JPEG')],
  })
  for (const confidence of told.confidence.flat()) expect(confidence).toBeGreaterThan(0)
})

it('captions for a client that is generated from the specification', async () => {
  const client = join(folder, 'client')
  const generator = [
    '-m',
    'openapi_python_client',
    'generate',
    '--url',
    `${url}/openapi.json`,
    '--output-path',
    client,
    '--config',
    join(CLIENTS, 'generator.yaml'),
  ]
  const said = await python(...generator)
  expect(said).not.toContain('Warning')
  const told = JSON.parse(await python(join(CLIENTS, 'generated.py'), client, url, CAT))
  const two = await captionsOf(2, CAT)
  const one = await captionsOf(1, CAT)
  expect(told).toEqual({ model: 'showtell-base', form: two, json: [...one, ...one], raw: two })
})

it('keeps to its specification, whatever comes, with a key and without', async () => {
  const key = 'a-key-of-somebody'
  const guarded = await ServiceProcess.start(['--log-level', 'warn', '--api-keys', key])
  const program = join(dirname(PYTHON), 'schemathesis')
  const args = [
    ...['run', `${guarded.url}/openapi.json`, '--checks', 'all', '--header', `Authorization: Bearer ${key}`],
    // The service gives up after thirty seconds.
    ...['--max-examples', '3', '--no-shrink', '--seed', '1', '--request-timeout', '60'],
  ]
  const env = { ...environment, SCHEMATHESIS_HOOKS: 'hooks' }
  try {
    const { stdout } = await run(program, args, { env, cwd: folder, maxBuffer: 2 ** 26 }).catch((error) => {
      throw new Error(error.stdout)
    })
    // Most are of the coverage phase, which goes through every bound of every option however few examples there are.
    expect(Number(/(\d+) generated/.exec(stdout)?.[1])).toBeGreaterThan(1500)
  } finally {
    await guarded.stop()
  }
})
