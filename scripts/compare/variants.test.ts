import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Decoder } from '../../decoder/decoder.js'
import { TINY } from '../../decoder/fixtures/tiny.js'
import { ATTENTIONS } from '../../rnn/attention.js'
import { CELLS } from '../../rnn/cells.js'
import { CONNECTIONS } from '../../rnn/connections.js'
import { temporaryFolder } from '../../temporary.test.folder.js'
import { VARIANTS, variantsOf } from './variants.js'

const FIELDS = ['cell', 'layers', 'connection', 'attention', 'wordMemory', 'dropout', 'seed']

const folder = temporaryFolder('variants')

async function file(content: string): Promise<string> {
  const path = join(folder, 'list.json')
  await writeFile(path, content)
  return path
}

describe('the variants', () => {
  it('have every cell, attention and connection, and are decoders, no two alike', () => {
    const made = Object.values(VARIANTS).map((changes) => new Decoder({ ...TINY, ...changes }).config)
    for (const [field, names] of [
      ['cell', Object.keys(CELLS)],
      ['attention', ['none', ...Object.keys(ATTENTIONS)]],
      ['connection', Object.keys(CONNECTIONS)],
    ] as const)
      expect(new Set(made.map((config) => config[field])), field).toEqual(new Set(names))
    expect(new Set(Object.values(VARIANTS).map((changes) => JSON.stringify(changes))).size).toBe(made.length)
  })

  it('are all of them when none is asked for, the captioner that ships first', async () => {
    const all = await variantsOf([], FIELDS)
    expect(all[0]).toEqual({ name: 'lstm', changes: { cell: 'lstm' } })
    expect(all.map(({ name }) => name)).toEqual(Object.keys(VARIANTS))
  })

  it('come from names and files, in the order asked for', async () => {
    const list = await file('{"wide": {"dropout": 0.5}, "same": {}}')
    expect(await variantsOf(['gru', list, 'rnn'], FIELDS)).toEqual([
      { name: 'gru', changes: { cell: 'gru' } },
      { name: 'wide', changes: { dropout: 0.5 } },
      { name: 'same', changes: {} },
      { name: 'rnn', changes: { cell: 'rnn' } },
    ])
  })

  it.each([
    [['grue'], 'Expected a JSON file, or one of lstm, rnn,'],
    [['constructor'], 'Expected a JSON file, or one of'],
    [['gru', 'gru'], 'Expected each name once for the variants but received "gru"'],
  ])('refuses %j', async (asked, message) => {
    await expect(variantsOf(asked, FIELDS)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    })
  })

  it.each([
    ['{"one": ', 'Expected a whole'],
    ['[]', /^Expected a whole .*list\.json but Invalid input: expected record, received array$/],
    ['{}', 'Expected at least one variant for'],
    ['{"../up": {}}', 'Expected a name of letters, digits and hyphens for a variant in'],
    [
      '{"one": 3}',
      /^Expected a whole .*list\.json but one: Invalid input: expected record, received number$/,
    ],
    ['{"one": []}', 'but one: Invalid input: expected record'],
    ['{"one": {"sell": "gru"}}', 'Expected one of cell, layers,'],
    ['{"one": {"epochs": 3}}', 'for a name in one but received "epochs"'],
  ])('refuses a file with %s', async (content, message) => {
    await expect(variantsOf([await file(content)], FIELDS)).rejects.toThrow(message)
  })
})
