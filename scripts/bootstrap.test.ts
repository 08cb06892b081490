import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'

let folder: string
/** Writes a file of the time of its making, or of long ago. */
async function write(name: string, text: string, isOld = false): Promise<void> {
  const file = join(folder, name)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
  if (isOld) await utimes(file, 1, 1)
}
const bootstrap = async (args: readonly string[] = [], event = 'prestart'): Promise<string> => {
  const env = { ...process.env, npm_lifecycle_event: event }
  const script = join(folder, 'scripts/bootstrap.js')
  return (await promisify(execFile)(process.execPath, [...args, script], { env })).stdout
}

/** A project that is installed and compiled; its build only says that it ran. */
beforeEach(async () => {
  folder = temporaryFolder('bootstrap', onTestFinished)
  await mkdir(join(folder, 'scripts'))
  await cp(join(import.meta.dirname, 'bootstrap.js'), join(folder, 'scripts/bootstrap.js'))
  await write('scripts/build.js', "process.stdout.write('built')", true)
  await write('package.json', '{"type": "module"}', true)
  for (const lock of ['package-lock.json', 'node_modules/.package-lock.json'])
    await write(lock, '{"packages": {}}', true)
  for (const source of ['index.ts', 'rnn/cells.ts']) await write(source, '', true)
  await mkdir(join(folder, 'dist/rnn'), { recursive: true })
  const second = 1000 * 1000
  await utimes(join(folder, 'dist'), second, second)
})

it('does not compile because of what commands have written, nor of tests', async () => {
  for (const file of ['coco-subset/captions.json', 'run/curve.svg', 'features/keys.txt', 'captions.json'])
    await write(file, '')
  for (const file of ['rnn/cells.test.ts', 'rnn/fixtures/values.json', 'vitest.config.ts', 'bench/run.ts'])
    await write(file, '')
  expect(await bootstrap()).toBe('')
})

it.each([
  ...['index.ts', 'rnn/deeper/cells.ts', 'rnn/words.json', 'tsconfig.build.json', 'package.json'],
  'scripts/build.js',
])('compiles when %s is newer than what was compiled', async (file) => {
  await write(file, file === 'package.json' ? '{"type": "module"}' : '')
  expect(await bootstrap()).toContain('Compiling …')
})

it('compiles where nothing has been', async () => {
  await rm(join(folder, 'dist'), { recursive: true })
  expect(await bootstrap()).toBe('Compiling …\nbuilt')
})

describe('the Node that developing takes', () => {
  const read = (name: string) => readFile(join(import.meta.dirname, '..', name), 'utf8')
  const stated = async () => {
    const [, ...versions] = (await read('CONTRIBUTING.md')).match(
      /Node (20\.\d+), (22\.\d+) or (24), or newer/,
    )!
    return versions
  }
  /** Whether a version is in a range of the lock file, as far as such ranges are written there. */
  const isIn = (version: string, range: string): boolean =>
    range.split('||').some((part) => {
      const [, sign, ...from] = part.match(/^ *(>=|\^|) *(\d+|\*)(?:\.(\d+|\*|x))?(?:\.(\d+))? *$/)!
      const [major, minor, patch] = from.map((digits) => Number(digits) || 0) as [number, number, number]
      const [itsMajor, itsMinor = 0] = version.split('.').map(Number) as [number, number?]
      if (itsMajor !== major) return itsMajor > major && (sign === '>=' || from[0] === '*')
      return itsMinor > minor || (itsMinor === minor && patch === 0)
    })
  /** Bootstraps as if it were that version. */
  const under = (node: string, event: string) => {
    const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${node}' } })`
    return bootstrap(['--import', `data:text/javascript,${encodeURIComponent(pretend)}`], event)
  }

  it('is enough for every package of the lock file', async () => {
    const { packages } = JSON.parse(await read('package-lock.json')) as {
      packages: Record<string, { optional?: boolean; engines?: { node?: string } }>
    }
    // Optional ones are for other systems, or left out.
    const ranges = Object.entries(packages)
      .filter(([, { optional }]) => !optional)
      .map(([name, { engines }]) => [name, engines?.node ?? '*'] as const)
    for (const version of await stated())
      expect(ranges.filter(([, range]) => !isIn(version, range))).toEqual([])
    // Else any version would do.
    for (const version of ['20.18', '22.11', '23.11'])
      expect(ranges.filter(([, range]) => !isIn(version, range))).not.toEqual([])
  })

  it('is what the tests want and the service does not', async () => {
    const versions = await stated()
    const [older, newer, newest] = versions
    for (const node of ['20.9.0', '20.18.3', '21.7.0', '22.11.0', '23.11.0']) {
      await expect(under(node, 'pretest')).rejects.toMatchObject({
        stderr: `Expected Node ${older}, ${newer} or ${newest}, or newer of these, for npm test but received ${node}\n`,
      })
      expect(await under(node, 'prestart')).toBe('')
    }
    for (const node of [...versions, '24.1', '25.2']) expect(await under(`${node}.0`, 'pretest')).toBe('')
  })
})
