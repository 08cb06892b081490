import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'

/**
 * The path of a folder that is there while the tests of its file or `describe` run. In a test or `beforeEach`, with
 * `onTestFinished`, it is there at once and goes with the test.
 */
export function temporaryFolder(name: string, whenFinished?: (remove: () => void) => void): string {
  const folder = join(tmpdir(), `${name}-${randomUUID().slice(0, 8)}`)
  const make = () => mkdirSync(folder, 0o700)
  const remove = () => rmSync(folder, { recursive: true, force: true })
  if (whenFinished === undefined) {
    // By hooks, which do not run where tests are only listed or filtered out.
    beforeAll(make)
    afterAll(remove)
  } else {
    make()
    whenFinished(remove)
  }
  return folder
}
