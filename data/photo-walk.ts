import { readdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isPhotoName } from './photo-names.js'

/** Folders in which Synology, QNAP and Windows keep thumbnails, what was deleted, and copies of a whole share. */
export const KEPT_ASIDE: readonly string[] = [
  ...['@eaDir', '#recycle', '#snapshot'],
  ...['@Recycle', '@Recently-Snapshot'],
  ...['$RECYCLE.BIN', '$Recycle.Bin'],
]

/**
 * The photos in a folder, at any depth: their names in it, `2019/a.jpg`, sorted. Links are followed, but not in a circle;
 * what is hidden (`.name`), thumbnails mostly, and what is kept aside are left out.
 * @param tell takes each place in it that cannot be looked at, and why; the walk goes on.
 * @throws what the system says where the folder itself cannot be listed.
 */
export function photosIn(folder: string, tell: (path: string, problem: unknown) => void): string[] {
  const found: string[] = []
  /** @param above the real folders on the way down: a link to one of them leads back. */
  const enter = (inside: string, above: readonly string[]): void => {
    const path = join(folder, inside)
    const real = realpathSync(path)
    if (above.includes(real)) return
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.name.startsWith('.') || KEPT_ASIDE.includes(entry.name)) continue
      const name = `${inside}${entry.name}`
      try {
        const kind = entry.isSymbolicLink() ? statSync(join(folder, name)) : entry
        if (kind.isDirectory()) enter(`${name}/`, [...above, real])
        else if (kind.isFile() && isPhotoName(name)) found.push(name)
      } catch (problem) {
        tell(join(folder, name), problem)
      }
    }
  }
  enter('', [])
  return found.sort()
}
