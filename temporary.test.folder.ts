import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/**
 * Makes a folder, which is removed after the tests of its file or `describe`. In a test or `beforeEach`, `after` is
 * `onTestFinished`: the folder goes with the test.
 */
export function temporaryFolder(name: string, after: (remove: () => void) => void = afterAll): string {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
