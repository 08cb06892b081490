import { expected } from '../errors.js'

// No file is looked at here: metrics/ wants these in a browser too.

/**
 * Files with these endings are taken for photos, in any case; what they are is found out from their content. The last are
 * of kinds that are not read: each is refused by its name, or a folder of them would seem to have no photo.
 */
const ENDING = /\.(jpe?g|jpe|jfif|png|webp|avif|gif|hei[cf]|tiff?|bmp)$/i

export function isPhotoName(name: string): boolean {
  return ENDING.test(name)
}

/**
 * A name and what is left of it without its outer folders, one after the other: `a/b/1.jpg`, `b/1.jpg`, `1.jpg`. Written
 * one way, since Windows writes `\` and accents that look alike may be one character with their letters or apart.
 */
function tailsOf(name: string): string[] {
  const parts = name.replaceAll('\\', '/').normalize().split('/')
  return parts.map((_, i) => parts.slice(i).join('/')).filter((tail) => tail !== '')
}

/**
 * Finds which of `names` (`2019/a.jpg`) a photo has that captions call `file`: the same, one that ends with it (`a.jpg`),
 * or the longest tail of it (`photos/2019/a.jpg`) that is one. `photos/a.jpg` is `a.jpg`, but beside a `2019/a.jpg` it is
 * not said which of them, if any, `x/2020/a.jpg` is.
 * @returns none, one, or all that it may be.
 */
export function namesFinder(names: Iterable<string>): (file: string) => readonly string[] {
  const given = new Set(names)
  const whole = new Map<string, string[]>()
  const ending = new Map<string, string[]>()
  for (const name of given)
    for (const [i, tail] of tailsOf(name).entries()) {
      const found = i === 0 ? whole : ending
      const before = found.get(tail)
      if (before === undefined) found.set(tail, [name])
      else before.push(name)
    }
  return (file) => {
    if (given.has(file)) return [file]
    const tails = tailsOf(file)
    const [all = ''] = tails
    const same = whole.get(all) ?? ending.get(all)
    if (same !== undefined) return same
    const outer = tails.findIndex((tail) => whole.has(tail))
    const tail = tails[outer] ?? ''
    const others = outer > 1 && !tail.includes('/') ? ending.get(tail) : undefined
    return [...(whole.get(tail) ?? []), ...(others ?? [])]
  }
}

/**
 * Finds, for messages, the one of `names` that `namesFinder` would but for small and capital letters; undefined where
 * there is none, or where it may be several.
 */
export function alikeFinder(names: Iterable<string>): (file: string) => string | undefined {
  const given = new Map(Array.from(names, (name) => [name.toLowerCase(), name]))
  const find = namesFinder(given.keys())
  return (file) => {
    const [name = '', ...others] = find(file.toLowerCase())
    return others.length > 0 ? undefined : given.get(name)
  }
}

/**
 * Finds the one of `names` that `namesFinder` does; undefined where there is none.
 * @param where the place of the names, for messages
 * @throws ShowtellError INVALID_DATA where there are several.
 */
export function nameFinder(names: Iterable<string>, where: string): (file: string) => string | undefined {
  const find = namesFinder(names)
  return (file) => {
    const [name, ...others] = find(file)
    if (others.length > 0)
      throw expected(`a name of one photo of ${where}`, file, [name, ...others], 'INVALID_DATA')
    return name
  }
}
