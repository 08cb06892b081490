import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, it, vi } from 'vitest'
import { register } from './gradient-flow.js'

const running = vi.hoisted(() => new Set<object>())
vi.mock('./progress.js', () => ({
  progressBar() {
    const bar = { update() {}, stop: () => running.delete(bar) }
    running.add(bar)
    return bar
  },
}))
vi.mock('../rnn/gradient-flow.js', async (original) => ({
  ...(await original<typeof import('../rnn/gradient-flow.js')>()),
  flowOverTime() {
    throw new Error('out of memory')
  },
}))

it('leaves no bar behind that would keep the process when a measurement fails', async () => {
  const out = await mkdtemp(join(tmpdir(), 'gradient-flow-'))
  const program = new Command()
  register(program)
  const command = ['gradient-flow', '--engine', 'cpu', '--out', out]
  await expect(program.parseAsync(command, { from: 'user' })).rejects.toThrow('out of memory')
  expect(running.size).toBe(0)
  await rm(out, { recursive: true })
})
