import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')

it('what was compiled may be read by whoever may read the sources', async () => {
  const [compiled, sources] = await Promise.all(['dist', 'scripts'].map((name) => stat(join(ROOT, name))))
  expect((compiled!.mode & 0o777).toString(8)).toBe((sources!.mode & 0o777).toString(8))
})
