import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expected, ShowtellError } from '../errors.js'
import { CONFIG, exists, placeOf, readJson } from './folder.js'

/** What captions where no other bundle is asked for. */
export const DEFAULT_BUNDLE = 'showtell-base'

/** Of every `config.json` that can be read. */
const VERSION = 1

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

/**
 * Finds a bundle before anything of it is believed.
 * @param place its folder, or the name of one that ships
 * @returns its folder and the file of its config
 * @throws ShowtellError NOT_FOUND, or INVALID_BUNDLE where it is of another kind, of a newer showtell or no JSON.
 */
export async function findBundle(place: string, kind: string): Promise<{ path: string; file: string }> {
  const path = await bundleFolder(place)
  const file = join(path, CONFIG)
  if (!(await exists(file)))
    throw new ShowtellError('NOT_FOUND', `Expected a bundle with a ${CONFIG} at ${place} but found none`, {
      where: place,
    })
  const { version, kind: found } = await readJson(file, headOf)
  if (version > VERSION)
    throw expected(`version ${VERSION} (later ones want a newer showtell)`, file, version, 'INVALID_BUNDLE')
  // One that tells nothing of it is damaged, and whoever reads it says how.
  if (found !== undefined && found !== kind) throw expected(kind, `kind in ${file}`, found, 'INVALID_BUNDLE')
  return { path, file }
}

/** Captioners have no name for what they are: they came first. */
function headOf(value: unknown): { version: number; kind: unknown } {
  const { version, kind, encoder } = Object(value) as Readonly<Record<string, unknown>>
  return { version: Number(version), kind: kind ?? (encoder === undefined ? undefined : 'captioner') }
}

/**
 * The folder of the bundles that come with the package.
 * @param module the URL of this one
 */
export function shippedFolder(module = import.meta.url): string {
  // dist/engine/shipped.js and engine/shipped.ts are two folders and one below the package.
  const up = module.endsWith('.ts') ? '..' : '../..'
  const folder = fileURLToPath(new URL(`${up}/models`, module))
  // Electron's Node reads inside an archive, onnxruntime does not: beside it lies what is left out of it (`asarUnpack`).
  return folder.replace(/(?<=[\\/]app\.asar)(?=[\\/])/, '.unpacked')
}
