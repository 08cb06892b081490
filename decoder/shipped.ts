import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exists, placeOf } from '../engine/folder.js'

/** What captions where no other bundle is asked for. */
export const DEFAULT_BUNDLE = 'showtell-base'

/** The folder of a bundle that comes with the package. */
export function shippedBundle(name = DEFAULT_BUNDLE): string {
  return join(shippedFolder(), name)
}

/**
 * The folder that a path to a bundle means; where there is none at that path, and it is the name of a bundle that comes
 * with the package, the folder of that.
 */
export async function bundleFolder(path: string): Promise<string> {
  const place = await placeOf(path)
  if (await exists(place)) return place
  const shipped = await readdir(shippedFolder()).catch((): string[] => [])
  return shipped.includes(path) ? shippedBundle(path) : place
}

function shippedFolder(): string {
  // dist/decoder/shipped.js and decoder/shipped.ts are one and two folders below the package.
  const up = import.meta.url.endsWith('.ts') ? '..' : '../..'
  return fileURLToPath(new URL(`${up}/models`, import.meta.url))
}
