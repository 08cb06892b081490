import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { forkModule, isForked } from './fork.js'
import { temporaryFolder } from './temporary.test.folder.js'

it('says what to do where a bundler has put this file elsewhere and left the module behind', () => {
  const path = fileURLToPath(new URL('./worker.ts', import.meta.url))
  expect(() => forkModule(new URL('./worker.js', import.meta.url))).toThrow(
    expect.objectContaining({
      code: 'NOT_FOUND',
      where: path,
      message: `Expected worker.ts of showtell at ${path} but found none; keep showtell external when bundling`,
    }),
  )
})

/** What a module is told in a process with this main file. */
function isMain(main: string | undefined, module: string): boolean {
  const { argv, send } = process
  try {
    const args = main === undefined ? [] : [main]
    Object.assign(process, { argv: [process.execPath, ...args], send: () => true })
    return isForked(pathToFileURL(module).href)
  } finally {
    Object.assign(process, { argv, send })
  }
}

it('knows the main file of a process by whatever links lead to it', async () => {
  const folder = temporaryFolder('fork', onTestFinished)
  await mkdir(join(folder, 'real'))
  await symlink('real', join(folder, 'linked'))
  for (const name of ['worker.js', 'other.js']) await writeFile(join(folder, 'real', name), '')
  const paths = ['real/worker.js', 'linked/worker.js'].map((path) => join(folder, path))
  for (const main of paths) for (const module of paths) expect(isMain(main, module)).toBe(true)
  for (const main of [join(folder, 'linked/other.js'), join(folder, 'gone.js'), undefined])
    expect(isMain(main, paths[0]!)).toBe(false)
})
