import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { ROOT, run } from './fixtures/commands.js'

it('says which release it is', async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const command = ['--import', 'tsx', 'scripts/main.ts', '--version']
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: ROOT })
  expect(stdout).toBe(`${version}\n`)
}, 60_000)

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
