import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { shippedBundle } from '../engine/shipped.js'

/** What the captioner that ships may be used for, to stand under the help; empty where it does not say. */
export function termsOfShipped(): string {
  const file = join(shippedBundle(), 'config.json')
  if (!existsSync(file)) return ''
  const { name, terms } = JSON.parse(readFileSync(file, 'utf8')) as { name: string; terms?: string }
  return terms === undefined ? '' : `\nTerms of ${name}, the captioner that ships:\n${terms}`
}
