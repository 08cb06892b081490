import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { decodeBytes } from '../encoder/decode-memory.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { emptySettings, readConfig } from './config.js'

describe('readConfig', () => {
  it('takes flags before the environment before the defaults', () => {
    const environment = { SHOWTELL_PORT: '4000', SHOWTELL_MAX_IMAGES: '3', PORT: '5000' }
    expect(readConfig({ maxImages: '2' }, environment)).toMatchObject({
      host: '127.0.0.1',
      port: 4000,
      maxImages: 2,
      queueSize: 128,
    })
    expect(readConfig({}, { PORT: '5000' }).port).toBe(5000)
    expect(readConfig({}, { SHOWTELL_HOST: '' }).host).toBe('127.0.0.1')
    expect(readConfig({}, {}).maxPixels).toBe(100_000_000)
  })

  it('names everything that is wrong', () => {
    expect(() => readConfig({ port: '99999', threads: 'two' }, { SHOWTELL_ENGINE: 'gpu' })).toThrow(
      /^Expected an integer from 0 to 65535 for port but received 99999; Expected one of auto, onnx.* for engine but received "gpu"; Expected an integer from 1 to 64 for threads but received "two"$/,
    )
    expect(() => readConfig({ queueSize: '4', port: 'x' }, {})).toThrow(
      /^Expected an integer from 0 to 65535 for port .*; Expected at least maxImages for queueSize/,
    )
  })

  it('has room for the dearest photo that phones make, an AVIF of 10 bits', () => {
    const avif = { format: 'heif', width: 4080, height: 3072, channels: 3, isProgressive: false } as const
    expect(decodeBytes({ ...avif, depth: 2 }, 224)).toBeLessThan(readConfig({}, {}).maxDecodeBytes)
  })

  it('refuses larger batches than a captioner takes together', () => {
    expect(readConfig({ batchSize: '64' }, {}).batchSize).toBe(64)
    expect(() => readConfig({ batchSize: '65' }, {})).toThrow('an integer from 1 to 64 for batchSize')
  })

  it('refuses a time that no timer can be set to', () => {
    const names = ['uploadTimeout', 'downloadTimeout', 'urlTimeout', 'deadline', 'drainDelay', 'drainTimeout']
    const set = (time: string) => readConfig(Object.fromEntries(names.map((name) => [name, time])), {})
    expect(Object.values(set('2147483647')).filter((value) => value === 2147483647)).toHaveLength(6)
    for (const name of names)
      expect(() => set('2147483648')).toThrow(
        new RegExp(`Expected an integer from [01] to 2147483647 for ${name} but received 2147483648`),
      )
  })

  it('waits at the end for as long as an answer may take, and a little longer, unless told otherwise', () => {
    const waits = (flags: Record<string, string>) => readConfig(flags, {}).drainTimeout
    expect([waits({}), waits({ deadline: '1000' }), waits({ deadline: '2147483647' })]).toEqual([
      35_000, 6000, 2_147_483_647,
    ])
    expect(waits({ drainTimeout: '0' })).toBe(0)
  })

  it('refuses a limit of the search below what the page asks for', () => {
    expect(readConfig({ maxSearch: '240' }, {}).maxSearch).toBe(240)
    expect(() => readConfig({ maxSearch: '239' }, {})).toThrow('an integer from 240 for maxSearch')
  })

  it.each([
    '{"apiKeys": [secret-one]}',
    '{"apiKeys": ["secret\none"]}',
    '{"apiKeys": "secret" "one"}',
    '"secret',
  ])('tells nothing of what is in a file that is no JSON: %s', async (text) => {
    const folder = temporaryFolder('config', onTestFinished)
    const file = join(folder, 'showtell.json')
    await writeFile(file, text)
    expect(() => readConfig({ config: file }, {})).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/^Expected a JSON object in \S+ but (?!.*(secre|cret|one)).+/),
      }),
    )
  })

  it('takes what a file says, unless the environment or a flag says something else', async () => {
    const folder = temporaryFolder('config', onTestFinished)
    const file = join(folder, 'showtell.json')
    await writeFile(file, JSON.stringify({ port: 1, batchSize: 2, deadline: 3, allowUrls: true }))
    expect(
      readConfig(
        { port: '7', apiKeys: 'a-long-enough-key,another-long-key' },
        {
          SHOWTELL_CONFIG: file,
          SHOWTELL_BATCH_SIZE: '8',
        },
      ),
    ).toMatchObject({
      port: 7,
      batchSize: 8,
      deadline: 3,
      allowUrls: true,
      apiKeys: ['a-long-enough-key', 'another-long-key'],
    })
    expect(readConfig({ config: file, allowUrls: 'false' }, {}).allowUrls).toBe(false)
    expect(readConfig({ allowUrls: true }, {}).allowUrls).toBe(true)
    await writeFile(file, JSON.stringify({ ports: 1, threads: 'two' }))
    expect(() => readConfig({ config: file }, {})).toThrow(
      /for threads but received "two"; Expected one of host, port, .* but received "ports"$/,
    )
    await writeFile(file, '\uFEFF{"port":4}')
    expect(readConfig({ config: file }, {}).port).toBe(4)
    await writeFile(file, '[]')
    expect(() => readConfig({ config: file, port: 'x' }, {})).toThrow(
      `Expected a JSON object in ${file} but it holds something else; Expected an integer from 0 to 65535`,
    )
    await rm(folder, { recursive: true })
    expect(() => readConfig({ config: file }, {})).toThrow('no such file')
  })
})

it('names settings that are given but empty', () => {
  const environment = {
    SHOWTELL_API_KEYS: '',
    SHOWTELL_PORT: '1',
    SHOWTELL_HOST: undefined,
    SHOWTELL_OTHER: '',
  }
  expect(emptySettings({ rateLimit: '', port: '2', allowUrls: true }, environment)).toEqual([
    'SHOWTELL_API_KEYS',
    '--rate-limit',
  ])
})
