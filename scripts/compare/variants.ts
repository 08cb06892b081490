import { z } from 'zod'
import { readJson } from '../../engine/folder.js'
import { expected } from '../../errors.js'

/** What a variant changes: names are those of the decoder's shape and of the recipe. */
export type Changes = Readonly<Record<string, unknown>>

export interface Variant {
  readonly name: string
  readonly changes: Changes
}

/**
 * What is compared when nothing is named, first the captioner that ships, but for the size of its regions. The name is
 * also that of its folder.
 */
export const VARIANTS: Readonly<Record<string, Changes>> = Object.freeze({
  lstm: { cell: 'lstm' },
  rnn: { cell: 'rnn' },
  'lstm-peephole': { cell: 'lstm-peephole' },
  'lstm-carousel': { cell: 'lstm-carousel' },
  gru: { cell: 'gru' },
  'attention-dot': { attention: 'dot' },
  'attention-none': { attention: 'none' },
  'two-layers': { layers: 2 },
  'two-residual': { layers: 2, connection: 'residual' },
  'two-highway': { layers: 2, connection: 'highway' },
  'no-word-memory': { wordMemory: false },
  // What chance alone makes of the first.
  'other-seed': { seed: 2 },
})

/**
 * Variants from names of `VARIANTS` and from JSON files, `{"name": {"cell": "gru", "dropout": 0.4}, …}`; all rows of the
 * table when none is asked for.
 * @param fields what a variant may change.
 * @throws ShowtellError INVALID_ARGUMENT, or INVALID_DATA naming the file.
 */
export async function variantsOf(asked: readonly string[], fields: readonly string[]): Promise<Variant[]> {
  const names = asked.length === 0 ? Object.keys(VARIANTS) : asked
  const variants = (
    await Promise.all(names.map((name) => (isFile(name) ? inFile(name) : [known(name)])))
  ).flat()
  const seen = new Set<string>()
  for (const { name, changes } of variants) {
    if (seen.has(name)) throw expected('each name once', 'the variants', name)
    seen.add(name)
    for (const field of Object.keys(changes))
      if (!fields.includes(field)) throw expected(`one of ${fields.join(', ')}`, `a name in ${name}`, field)
  }
  return variants
}

const isFile = (name: string): boolean => name.endsWith('.json')

function known(name: string): Variant {
  if (!Object.hasOwn(VARIANTS, name))
    throw expected(`a JSON file, or one of ${Object.keys(VARIANTS).join(', ')}`, '--variants', name)
  return { name, changes: VARIANTS[name]! }
}

async function inFile(file: string): Promise<Variant[]> {
  const entries = Object.entries(await readJson(file, (value) => listSchema.parse(value), 'INVALID_DATA'))
  if (entries.length === 0) throw expected('at least one variant', file, 'none', 'INVALID_DATA')
  return entries.map(([name, changes]) => {
    // It becomes the name of a folder.
    if (!/^\w[\w.-]{0,39}$/.test(name) || isFile(name))
      throw expected('a name of letters, digits and hyphens', `a variant in ${file}`, name, 'INVALID_DATA')
    return { name, changes }
  })
}

const listSchema = z.record(z.string(), z.record(z.string(), z.unknown()))
