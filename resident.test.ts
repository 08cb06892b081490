import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { mostResident, residentOf } from './resident.js'

const MB = 2 ** 20

it('tells the most that a process ever had, without what its parent had', async () => {
  // Written to, or it would not be resident.
  const large = Buffer.alloc(400 * MB, 1)
  const code = `
    const { mostResident } = await import('./resident.ts')
    const before = mostResident()
    Buffer.alloc(${100 * MB}, 1)
    process.stdout.write(JSON.stringify([before, mostResident()]))`
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code]
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd })
  const [before, after] = JSON.parse(stdout)
  expect(before).toBeGreaterThan(20 * MB)
  expect(before).toBeLessThan(large.length)
  expect(after).toBeGreaterThan(before + 90 * MB)
  expect(mostResident()).toBeGreaterThan(large.length)
})

it('knows nothing of a process that is none', () => {
  expect(residentOf('none', 'VmRSS')).toBeUndefined()
})
