import { expected } from '../errors.js'
import type { Bundle } from './bundle.js'

/** What has to be the same of several bundles, by what messages call it. They tell what is no object. */
export type Same = Readonly<Record<string, (bundle: Bundle) => number | string | object>>

/** @throws ShowtellError INVALID_ARGUMENT naming the first bundle that differs from the first of all. */
export function checkSame([first, ...others]: readonly Bundle[], same: Same): void {
  for (const other of others)
    for (const [what, of] of Object.entries(same)) {
      const [wanted, found] = [of(first!), of(other)]
      if (JSON.stringify(found) === JSON.stringify(wanted)) continue
      const isLong = typeof wanted === 'object'
      const told = isLong ? what : `${what} ${wanted}`
      throw expected(`the ${told} of ${first!.path}`, other.path, isLong ? 'another' : found)
    }
}

/**
 * The terms of all, each once, as a part of a config; nothing where none states any. Those of a bundle that came of others
 * hold theirs already.
 */
export function termsOfAll(bundles: readonly Bundle[]): { readonly terms?: string } {
  const all = [...new Set(bundles.flatMap(({ config }) => config.terms ?? []))]
  const terms = all.filter((one) => !all.some((other) => other !== one && other.includes(one))).join(' ')
  return terms === '' ? {} : { terms }
}
