import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Random } from '../random.js'
import { killAtWork, run } from './fixtures/commands.js'

const MINUTES = 60_000

let folder: string
const at = (name: string): string => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'char-'))
  const random = new Random('words')
  const words = ['the', 'cat', 'sat', 'on', 'a', 'mat', '\n']
  const text = Array.from({ length: 400 }, () => words[random.below(words.length)]).join(' ')
  await writeFile(at('text.txt'), text)
})
afterAll(() => rm(folder, { recursive: true }))

describe('showtell char', () => {
  it(
    'train, killed and begun again, leaves what an undisturbed run leaves; evaluate and sample take it',
    async () => {
      const command = (out: string): string[] => [
        ...['char', 'train', at('text.txt'), '--out', at(out), '--engine', 'cpu'],
        ...['--units', '12', '--embedding-size', '6', '--rows', '4', '--length', '8'],
        ...['--steps', '40', '--warm-up-steps', '4', '--learning-rate', '0.02'],
      ]
      await run(command('whole'))
      expect(await killAtWork(command('parts'), at('parts/log.jsonl'), 2500)).toBe(true)
      await run(command('parts'))
      for (const file of ['log.jsonl', 'samples.md', 'bundle/config.json'])
        expect(await readFile(at(`parts/${file}`), 'utf8')).toBe(await readFile(at(`whole/${file}`), 'utf8'))
      expect((await readdir(at('whole'))).sort()).toEqual([
        'bundle',
        'curve.svg',
        'log.jsonl',
        'samples.md',
        'training',
      ])
      const samples = await readFile(at('whole/samples.md'), 'utf8')
      expect(samples.match(/^## .*$/gm)!.map((title) => title.replace(/,.*/, ''))).toEqual([
        '## at first (step 1',
        '## train more (step 4',
        '## train more (step 12',
        '## train more (step 40',
      ])
      const text = await readFile(at('text.txt'), 'utf8')
      // As long, and the same characters.
      await writeFile(at('text.txt'), text.replace('cat', 'act'))
      expect(await run(command('whole'), [1])).toMatch(
        /INVALID_BUNDLE: Expected data "\w{64}", as it was begun,/,
      )
      await writeFile(at('text.txt'), text)
      await run(['char', 'evaluate', at('whole/bundle'), at('text.txt')])
      await writeFile(at('marked.txt'), `\uFEFF${text}`)
      await run(['char', 'evaluate', at('whole/bundle'), at('marked.txt'), '--all'])
      await run(['char', 'sample', at('whole/bundle'), '--length', '20', '--prime', 'the cat'])
      expect(await run(['char', 'sample', at('whole/bundle'), '--prime', 'Zebra'], [1])).toContain(
        'INVALID_DATA: Expected one of the',
      )
      await run(['char', 'visualise', at('whole/bundle'), '--length', '60', '--out', at('hidden')])
      expect(await readFile(at('hidden.html'), 'utf8')).toContain('24 units of lstm over 60 characters')
      expect(await readFile(at('hidden.svg'), 'utf8')).toContain('position in a word: unit cell')
    },
    2 * MINUTES,
  )

  it(
    'compare makes a table of models of one size, and does not train again what is trained',
    async () => {
      const command = [
        ...['char', 'compare', at('text.txt'), '--out', at('compared'), '--engine', 'cpu'],
        ...['--units', '12', '--embedding-size', '6', '--rows', '4', '--length', '8', '--layers', '1'],
        ...['--steps', '6', '--warm-up-steps', '1', '--learning-rate', '0.02'],
        ...['--models', 'gru', 'window-3'],
      ]
      const said = await run(command)
      expect(said).toContain('gru: ')
      const table = await readFile(at('compared/models.md'), 'utf8')
      const rows = table.split('\n').filter((line) => /^\| (gru|window)/.test(line))
      expect(rows.map((row) => row.split('|')[1]!.trim())).toEqual(['gru', 'window-3'])
      const sizes = rows.map((row) => Number(row.split('|')[3]))
      expect(Math.abs(sizes[0]! / sizes[1]! - 1)).toBeLessThan(0.1)
      const log = await readFile(at('compared/gru/log.jsonl'), 'utf8')
      await run(command)
      expect(await readFile(at('compared/models.md'), 'utf8')).toBe(table)
      expect(await readFile(at('compared/gru/log.jsonl'), 'utf8')).toBe(log)
      await writeFile(at('compared/gru/log.jsonl'), `${log}{"step":\n`)
      expect(await run(command, [1])).toContain(
        `INVALID_DATA: Expected {"step": …, …} for ${at('compared/gru/log.jsonl:7')}`,
      )
    },
    2 * MINUTES,
  )
})
