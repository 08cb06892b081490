import { spawnSync } from 'node:child_process'
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'

const ROOT = join(import.meta.dirname, '..')

it('what was compiled may be read by whoever may read the sources', async () => {
  const [compiled, sources] = await Promise.all(['dist', 'scripts'].map((name) => stat(join(ROOT, name))))
  expect((compiled!.mode & 0o777).toString(8)).toBe((sources!.mode & 0o777).toString(8))
})

describe('a build', () => {
  const REFERENCE = [
    'swagger-ui.css',
    'swagger-ui-bundle.js',
    'swagger-ui-bundle.js.LICENSE.txt',
    'LICENSE',
    'NOTICE',
  ]
  /** A compiler that says where it was told to write. */
  const COMPILER = `
    const output = process.argv.at(-1)
    require('node:fs').writeFileSync(output + '/made', output)
    process.exitCode = Number(process.env.COMPILER_EXIT)`

  /** Builds a project that has been built before. */
  const build = async (exit: number) => {
    // Wherever the project lies, also in what is called like a part of a build.
    const folder = temporaryFolder('build.part', onTestFinished)
    const write = async (name: string, text: string): Promise<void> => {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), text)
    }
    await mkdir(join(folder, 'scripts'))
    await cp(join(ROOT, 'scripts/build.js'), join(folder, 'scripts/build.js'))
    await write('package.json', '{"type": "module"}')
    await write('node_modules/package.json', '{"type": "commonjs"}')
    await write('node_modules/typescript/bin/tsc', COMPILER)
    await write('node_modules/esbuild/index.js', 'exports.build = () => {}')
    for (const name of REFERENCE) await write(`node_modules/swagger-ui-dist/${name}`, '')
    await write('dist/made', 'before')
    const entries = await readdir(folder)
    const env = { ...process.env, COMPILER_EXIT: String(exit) }
    const { status } = spawnSync(process.execPath, [join(folder, 'scripts/build.js')], { env })
    return { folder, entries, status }
  }

  it('is made beside dist, where it can be renamed from, and takes its place whole', async () => {
    const { folder, entries, status } = await build(0)
    expect(status).toBe(0)
    expect(dirname(await readFile(join(folder, 'dist/made'), 'utf8'))).toBe(folder)
    expect((await readdir(join(folder, 'dist/server/docs'))).sort()).toEqual([...REFERENCE].sort())
    expect(await readdir(folder)).toEqual(entries)
  })

  it('that fails leaves the one before', async () => {
    const { folder, entries, status } = await build(1)
    expect(status).toBe(1)
    expect(await readFile(join(folder, 'dist/made'), 'utf8')).toBe('before')
    expect(await readdir(folder)).toEqual(entries)
  })
})
