import { expect, it } from 'vitest'
import { run } from './fixtures/commands.js'

it('says in a line what the system refused, and what is wrong of an option', async () => {
  const prepare = (folder: string) => [
    'prepare',
    folder,
    '--out',
    'never-made',
    '--bundle',
    'models/showtell-base',
  ]
  expect(await run(['tokenize', 'no-such-file'], [1])).toMatch(/^\S[^\n]*no-such-file[^\n]*\n$/)
  expect(await run(prepare('no-such-folder'), [1])).toMatch(/^ENOENT: [^\n]*no-such-folder[^\n]*\n$/)
  expect(await run(['tokenize', '--no-such-option'], [1])).toMatch(
    /^error: unknown option '--no-such-option'/,
  )
}, 60_000)
