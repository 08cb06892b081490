import { OBJECT_GROUPS, type ObjectGroups } from './object-groups.js'
import { checkReferences, share } from './scores.js'

/** What a caption names against what people named in the same photo. */
export interface ObjectMention {
  /** Objects of the caption that no reference names. */
  readonly unsupported: readonly string[]
  /** Objects of the caption that some reference names. */
  readonly found: readonly string[]
  /** Of these, those that at least half of the references name. */
  readonly agreed: readonly string[]
  /** Objects that at least half of the references name and the caption does not. */
  readonly missed: readonly string[]
}

export interface ObjectScores {
  /** Share of the objects named that no reference names (CHAIR_i). */
  readonly unsupportedObjects: number
  /** Share of the captions that name such an object (CHAIR_s). */
  readonly unsupportedCaptions: number
  /** Share of the objects most people name that the captions name. */
  readonly found: number
  readonly perImage: readonly ObjectMention[]
}

/**
 * Objects named without support, in the manner of CHAIR (Rohrbach et al. 2018) with synonym groups, the truth being
 * the references alone (CHAIR also takes COCO's object marks, so that its figures are lower).
 * @param candidates tokens, one caption an image
 * @param references tokens, the captions of each image
 * @throws ShowtellError INVALID_ARGUMENT when the lengths differ or an image has no reference
 */
export function scoreObjects(
  candidates: readonly (readonly string[])[],
  references: readonly (readonly (readonly string[])[])[],
): ObjectScores {
  checkReferences(candidates, references)
  const perImage = candidates.map((candidate, image) => compare(candidate, references[image]!))
  const count = (of: (mention: ObjectMention) => number): number =>
    perImage.reduce((sum, mention) => sum + of(mention), 0)
  const unsupported = count((mention) => mention.unsupported.length)
  const found = count((mention) => mention.found.length)
  const agreed = count((mention) => mention.agreed.length)
  return {
    unsupportedObjects: share(unsupported, unsupported + found),
    unsupportedCaptions: share(
      count((mention) => Math.min(1, mention.unsupported.length)),
      perImage.length,
    ),
    found: share(agreed, agreed + count((mention) => mention.missed.length)),
    perImage,
  }
}

/** The groups of the objects that a caption names, in order, each once. */
export function objectsOf(tokens: readonly string[], groups: ObjectGroups = OBJECT_GROUPS): string[] {
  return [...mentionsIn(tokens, groups).keys()]
}

/** The groups of the objects that a caption names, in order, and which of its tokens first names each. */
export function mentionsIn(
  tokens: readonly string[],
  groups: ObjectGroups = OBJECT_GROUPS,
): Map<string, number> {
  const found = new Map<string, number>()
  for (let at = 0; at < tokens.length; ) {
    const pair = groups.get(`${tokens[at]} ${tokens[at + 1]}`)
    const group = pair === undefined ? groups.get(tokens[at] ?? '') : pair
    if (group !== undefined && group !== null && !found.has(group)) found.set(group, at)
    // The second word of a pair that only says of what kind it is may begin another: a passenger train car is no car.
    at += pair === undefined || pair === groups.get(tokens[at + 1] ?? '') ? 1 : 2
  }
  return found
}

function compare(candidate: readonly string[], references: readonly (readonly string[])[]): ObjectMention {
  const times = new Map<string, number>()
  for (const reference of references)
    for (const object of objectsOf(reference)) times.set(object, (times.get(object) ?? 0) + 1)
  const named = objectsOf(candidate)
  const common = [...times].filter(([, count]) => count * 2 >= references.length).map(([object]) => object)
  return {
    unsupported: named.filter((object) => !times.has(object)),
    found: named.filter((object) => times.has(object)),
    agreed: named.filter((object) => common.includes(object)),
    missed: common.filter((object) => !named.includes(object)),
  }
}
