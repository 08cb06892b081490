import { createRequire } from 'node:module'

/** Name and version of this package. */
export const { name: NAME, version: RELEASE } = createRequire(import.meta.url)(
  'showtell/package.json',
) as Record<'name' | 'version', string>
