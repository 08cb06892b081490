import type { z } from 'zod'
import { wantedBy } from '../decoder/validate.js'

/** Texts by name, several where a name came more than once. */
export type Texts = Readonly<Record<string, string | readonly string[]>>

/**
 * Values of what came as text (query, form fields, flags, environment), by the type that the schema wants. A text that
 * does not read as its type stays text, for the validation to name.
 * @param texts of a list with commas between its entries.
 */
export function valuesOf(schema: z.ZodType, texts: Texts): Record<string, unknown> {
  const types = wantedBy(schema).properties ?? {}
  const entries = Object.entries(texts).map(([name, given]) => {
    const type = Object.hasOwn(types, name) ? types[name]?.type : undefined
    const all = typeof given === 'string' ? [given] : given
    if (type === 'array') return [name, all.flatMap((text) => text.split(',').map((word) => word.trim()))]
    return [name, all.length === 1 ? typed(all[0]!, type) : all]
  })
  return Object.fromEntries(entries)
}

function typed(text: string, type: string | undefined): unknown {
  const isNumber = type === 'integer' || type === 'number'
  if (isNumber && text.trim() !== '' && Number.isFinite(Number(text))) return Number(text)
  // Python writes True.
  if (type === 'boolean' && /^(true|false)$/i.test(text)) return text.toLowerCase() === 'true'
  return text
}
