import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { ROOT, run, SHOWTELL } from './fixtures/commands.js'
import { drawPhotos } from './fixtures/photos.js'

it('says which release it is', async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const { stdout } = await promisify(execFile)(process.execPath, [SHOWTELL, '--version'])
  expect(stdout).toBe(`${version}\n`)
})

it('says in a line what it or the system refused, and what is wrong of an option', async () => {
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
  expect(await run([...prepare('no-such-folder'), '--views', '0'], [1])).toBe(
    'INVALID_ARGUMENT: Expected a positive integer for --views but received "0"\n',
  )
  const unknown = "unknown option '--no-such-option'"
  const missing = "required option '--out <folder>' not specified"
  for (const [called, error] of Object.entries({
    tokenize: unknown,
    caption: unknown,
    'char train': missing,
  }))
    expect(await run([...called.split(' '), '--no-such-option'], [1])).toBe(
      `error: ${error}\nshowtell ${called} --help says what there is\n`,
    )
})

describe('a command whose reader has gone', () => {
  const PHOTOS = 3
  const folder = temporaryFolder('unread')
  const at = (name: string): string => join(folder, name)
  beforeAll(async () => {
    await drawPhotos(at('photos'), PHOTOS)
    await writeBundle(at('bundle'), tinyContent())
    const lines = (more: (file: string) => object): string =>
      Array.from({ length: 30 }, (_, i) => JSON.stringify({ file: `${i}.jpg`, ...more(`${i}.jpg`) })).join(
        '\n',
      )
    await writeFile(
      at('references.jsonl'),
      lines(() => ({ captions: ['a dog', 'a cat on a bed'] })),
    )
    await writeFile(
      at('candidates.jsonl'),
      lines(() => ({ caption: 'a dog on a bed', confidence: 0.5 })),
    )
  })

  const caption = (...more: string[]): string[] => [
    ...['caption', at('photos'), '--bundle', at('bundle'), '--engine', 'onnx', '--threads', '1'],
    ...more,
  ]
  const evaluate = (...more: string[]): string[] => [
    ...['evaluate', '--references', at('references.jsonl'), '--candidates', at('candidates.jsonl')],
    ...['--samples', '40', ...more],
  ]
  /** Into a pipe. @returns what it says on the error stream, at its end with code 0. */
  const piped = async (args: string[], into: string): Promise<string> => {
    const script = ['-c', `set -o pipefail; "$0" "$@" | ${into}`, process.execPath, SHOWTELL, ...args]
    return (await promisify(execFile)('bash', script, { cwd: ROOT })).stderr
  }

  it('has written the files that it was to write: evaluate', async () => {
    const files = ['json', 'html', 'extremes', 'reliability', 'save-document-frequencies']
    expect(await piped(evaluate(...files.flatMap((name) => [`--${name}`, at(name)])), 'true')).toBe('')
    for (const name of files) expect(await readFile(at(name), 'utf8')).not.toBe('')
  })

  it('ends quietly where it writes to /dev/stdout', async () => {
    expect(await piped(caption('--output', '/dev/stdout'), 'head -n 0')).not.toContain('EPIPE')
  })

  it('has written the files that it was to write: caption', async () => {
    for (const output of [[], ['--output', '/dev/stdout']]) {
      const args = caption('--xmp', '--attention', at('looks'), ...output)
      expect(await piped(args, 'true')).not.toContain('EPIPE')
      for (const made of ['photos/1.jpg.xmp', 'photos/2.jpg.xmp', 'photos/3.jpg.xmp', 'looks/3.jpg.svg'])
        await rm(at(made))
    }
  })

  it('goes on when what nobody sees is its progress', async () => {
    const args = [SHOWTELL, ...caption('--output', at('captions.jsonl'))]
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] })
    child.stderr.destroy()
    expect(await once(child, 'exit')).toEqual([0, null])
    expect((await readFile(at('captions.jsonl'), 'utf8')).match(/"caption"/g)).toHaveLength(PHOTOS)
  })

  it('shows scores though a file cannot be written, and says so', async () => {
    await mkdir(at('scores.json.part'))
    const args = [SHOWTELL, ...evaluate('--json', at('scores.json'))]
    const failed = promisify(execFile)(process.execPath, args, { cwd: ROOT })
    await expect(failed).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('CIDEr'),
      stderr: expect.stringMatching(/^EISDIR: [^\n]*\n$/),
    })
  })
})
