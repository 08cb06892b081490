import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, it, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { register } from './gradient-flow.js'

const running = vi.hoisted(() => new Set<object>())
const measured = vi.hoisted(() => vi.fn())
vi.mock('./progress.js', () => ({
  progressBar() {
    const bar = { update() {}, stop: () => running.delete(bar) }
    running.add(bar)
    return bar
  },
}))
vi.mock('../rnn/gradient-flow.js', async (original) => ({
  ...(await original<typeof import('../rnn/gradient-flow.js')>()),
  flowOverTime: measured,
  flowOverDepth: () => [[1, 1]],
  weightGradients: () => ({ w: Float32Array.of(1) }),
}))

const out = temporaryFolder('gradient-flow')

const gradientFlow = (...more: string[]): Promise<unknown> => {
  const program = new Command()
  register(program)
  return program.parseAsync(['gradient-flow', '--engine', 'cpu', '--out', out, ...more], { from: 'user' })
}

it('leaves no bar behind that would keep the process when a measurement fails', async () => {
  measured.mockImplementation(() => {
    throw new Error('out of memory')
  })
  await expect(gradientFlow()).rejects.toThrow('out of memory')
  expect(running.size).toBe(0)
})

it('writes its files aside and renames them', async () => {
  measured.mockReturnValue({ hidden: [[1, 1]], cell: [[1, 1]] })
  // What a killed run has left aside is used up by the next.
  for (const ending of ['svg', 'md']) await writeFile(join(out, `gradient-flow.${ending}.part`), 'half')
  await gradientFlow()
  expect((await readdir(out)).sort()).toEqual(['gradient-flow.md', 'gradient-flow.svg'])
})

it('says in the table what is not as before training, and the one in docs/ says the same', async () => {
  measured.mockReturnValue({ hidden: [[1, 1]], cell: [[1, 1]] })
  await gradientFlow()
  const beginning = async (file: string | URL) => (await readFile(file, 'utf8')).split('## ')[0]!
  const said = await beginning(join(out, 'gradient-flow.md'))
  expect(said).toContain('peepholes are ±ρ; else all\nweights are as training starts')
  expect(await beginning(new URL('../docs/pictures/gradient-flow.md', import.meta.url))).toBe(said)
})

it('names a factor where a step or a layer has one, and none of gradients of weights, clipped or not', async () => {
  measured.mockReturnValue({ hidden: [[1, 1]], cell: [[1, 1]] })
  await gradientFlow()
  const parts = (await readFile(join(out, 'gradient-flow.md'), 'utf8')).split('## ').slice(1)
  const heads = parts.map((part) => [part.split('\n')[0]!, /^\| .* \|$/m.exec(part)![0].split(' | ').at(-1)])
  expect(Object.fromEntries(heads)).toMatchObject({
    'Cell lstm': 'a step |',
    'What clipping to norm 50 does, by cell and ρ': '100 |',
    'Through layers of rnn': 'a layer |',
  })
})

it.each(['abc', '1.5'])('has no seed %s', async (seed) => {
  await expect(gradientFlow('--seed', seed)).rejects.toThrow('Expected an integer of 0 or more for --seed')
})
