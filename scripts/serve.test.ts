import { Command } from 'commander'
import { expect, it, vi } from 'vitest'
import { register } from './serve.js'

/** Settings that a service was started with. */
const served = vi.hoisted((): object[] => [])
vi.mock('../server/main.js', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  serve: async (config: object) => void served.push(config),
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
