import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { forkModule } from './fork.js'

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
