import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isPhotoName } from './photo-files.js'

/**
 * The photos in a folder, at any depth: their names in it, `2019/a.jpg`, sorted. Links are followed, but not in a circle;
 * what is hidden (`.name`) is left out, thumbnails mostly.
 * @param tell takes each place in it that cannot be looked at, and why; the walk goes on.
 * @throws what the system says where the folder itself cannot be listed.
 */
export async function photosIn(
  folder: string,
  tell: (path: string, problem: unknown) => void,
): Promise<string[]> {
  const found: string[] = []
  /** @param above the real folders on the way down: a link to one of them leads back. */
  const enter = async (inside: string, above: readonly string[]): Promise<void> => {
    const path = join(folder, inside)
    const real = await realpath(path)
    if (above.includes(real)) return
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue
      const name = `${inside}${entry.name}`
      try {
        const kind = entry.isSymbolicLink() ? await stat(join(folder, name)) : entry
        if (kind.isDirectory()) await enter(`${name}/`, [...above, real])
        else if (kind.isFile() && isPhotoName(name)) found.push(name)
      } catch (problem) {
        tell(join(folder, name), problem)
      }
    }
  }
  await enter('', [])
  return found.sort()
}
