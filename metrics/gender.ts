import { MEN, WOMEN } from '../data/gender.js'
import { checkReferences, share } from './scores.js'

export type Gender = 'women' | 'men'

/** Shares of the captions that use gendered words. */
export interface GenderScores {
  /** Captions with a gendered word, of all. */
  readonly gendered: number
  /** Of those: every gender they name is named by a reference. */
  readonly supported: number
  /** Of those: they name a gender that no reference names, although references name the other. */
  readonly contrary: number
  /** Of those: they name a gender where no reference names any. */
  readonly unfounded: number
  /** Women and men named by the captions, and by at least one reference: images. */
  readonly named: Readonly<Record<Gender, number>>
  readonly referenced: Readonly<Record<Gender, number>>
}

/** Which genders a caption names, by its nouns and pronouns. */
export function gendersOf(tokens: readonly string[]): Set<Gender> {
  const genders = new Set<Gender>()
  for (const token of tokens) {
    if (WOMEN.has(token)) genders.add('women')
    if (MEN.has(token)) genders.add('men')
  }
  return genders
}

/**
 * Gendered words against the references (Hendricks et al. 2018, "Women also Snowboard": a wrong one is worse than none).
 * @param candidates tokens, one caption an image
 * @param references tokens, the captions of each image
 * @throws ShowtellError INVALID_ARGUMENT when the lengths differ or an image has no reference
 */
export function scoreGender(
  candidates: readonly (readonly string[])[],
  references: readonly (readonly (readonly string[])[])[],
): GenderScores {
  checkReferences(candidates, references)
  const counts = { gendered: 0, supported: 0, contrary: 0, unfounded: 0 }
  const named = { women: 0, men: 0 }
  const referenced = { women: 0, men: 0 }
  candidates.forEach((candidate, image) => {
    const said = gendersOf(candidate)
    const seen = gendersOf(references[image]!.flat())
    for (const gender of said) named[gender]++
    for (const gender of seen) referenced[gender]++
    if (said.size === 0) return
    counts.gendered++
    if (seen.size === 0) counts.unfounded++
    else if ([...said].every((gender) => seen.has(gender))) counts.supported++
    else counts.contrary++
  })
  return {
    gendered: share(counts.gendered, candidates.length),
    supported: share(counts.supported, counts.gendered),
    contrary: share(counts.contrary, counts.gendered),
    unfounded: share(counts.unfounded, counts.gendered),
    named,
    referenced,
  }
}
