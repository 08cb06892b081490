import { Command } from 'commander'
import { expect, it, onTestFinished, vi } from 'vitest'
import { register } from './serve.js'

/** Settings that a service was started with, and what it was told to warn of. */
const served = vi.hoisted((): object[] => [])
const warned = vi.hoisted((): { unknown: string[]; empty: string[] }[] => [])
vi.mock('../server/main.js', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  serve: async (config: object, odd: { unknown: string[]; empty: string[] }) => {
    served.push(config)
    warned.push(odd)
  },
}))

it('takes a list from one flag or several, of any other flag the last, and says which is a list', async () => {
  const program = new Command()
  register(program)
  const lists = [
    ...['--api-keys', 'the-key-of-somebody,the-key-of-another', '--api-keys', 'the-key-of-a-third'],
    ...['--trust-proxy', 'loopback', '--trust-proxy', '10.0.0.0/8'],
  ]
  await program.parseAsync(['serve', ...lists, '--port', '1', '--port', '2'], { from: 'user' })
  expect(served).toMatchObject([
    {
      apiKeys: ['the-key-of-somebody', 'the-key-of-another', 'the-key-of-a-third'],
      trustProxy: ['loopback', '10.0.0.0/8'],
      port: 2,
    },
  ])
  const { options } = program.commands[0]!
  expect(options.filter(({ description }) => description.includes('commas')).map(({ long }) => long)).toEqual(
    ['--api-keys', '--cors-origins', '--trust-proxy'],
  )
})

it('names variables that look like settings and are none, and settings that are empty', async () => {
  onTestFinished(() => void vi.unstubAllEnvs())
  vi.stubEnv('SHOWTELL_API_KEYS', 'the-key-of-somebody')
  vi.stubEnv('SHOWTELL_API_KEY', 'the-key-of-another')
  vi.stubEnv('SHOWTELL_SHARED', '/shared')
  vi.stubEnv('SHOWTELL_PYTHON', 'python3')
  const program = new Command()
  register(program)
  await program.parseAsync(['serve', '--cors-origins', ''], { from: 'user' })
  const { unknown, empty } = warned.at(-1)!
  expect(unknown.sort()).toEqual(['SHOWTELL_API_KEY', 'SHOWTELL_PYTHON', 'SHOWTELL_SHARED'])
  expect(empty).toEqual(['--cors-origins'])
  expect(served.at(-1)).toMatchObject({ apiKeys: ['the-key-of-somebody'] })
})
