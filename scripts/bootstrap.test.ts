import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'

let folder: string
/** Writes a file of the time of its making, or of long ago. */
async function write(name: string, text: string, isOld = false): Promise<void> {
  const file = join(folder, name)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
  if (isOld) await utimes(file, 1, 1)
}
const bootstrap = async (): Promise<string> =>
  (await promisify(execFile)(process.execPath, [join(folder, 'scripts/bootstrap.js')])).stdout

/** A project that is installed and compiled; its build only says that it ran. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bootstrap-'))
  await mkdir(join(folder, 'scripts'))
  await cp(join(import.meta.dirname, 'bootstrap.js'), join(folder, 'scripts/bootstrap.js'))
  await write('scripts/build.js', "process.stdout.write('built')")
  await write('package.json', '{"type": "module"}', true)
  for (const lock of ['package-lock.json', 'node_modules/.package-lock.json'])
    await write(lock, '{"packages": {}}', true)
  for (const source of ['index.ts', 'rnn/cells.ts']) await write(source, '', true)
  await mkdir(join(folder, 'dist/rnn'), { recursive: true })
  const second = 1000 * 1000
  await utimes(join(folder, 'dist'), second, second)
})
afterEach(() => rm(folder, { recursive: true }))

it('does not compile because of what commands have written, nor of tests', async () => {
  for (const file of ['coco-subset/captions.json', 'run/curve.svg', 'features/keys.txt', 'captions.json'])
    await write(file, '')
  for (const file of ['rnn/cells.test.ts', 'rnn/fixtures/values.json', 'vitest.config.ts', 'bench/run.ts'])
    await write(file, '')
  expect(await bootstrap()).toBe('')
})

it.each(['index.ts', 'rnn/deeper/cells.ts', 'rnn/words.json', 'tsconfig.build.json', 'package.json'])(
  'compiles when %s is newer than what was compiled',
  async (file) => {
    await write(file, file === 'package.json' ? '{"type": "module"}' : '')
    expect(await bootstrap()).toContain('Compiling …')
  },
)

it('compiles where nothing has been', async () => {
  await rm(join(folder, 'dist'), { recursive: true })
  expect(await bootstrap()).toBe('Compiling …\nbuilt')
})
