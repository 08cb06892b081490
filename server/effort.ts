import type { CaptionOptions } from '../decoder/options.js'

/** Hypotheses of a beam that take as long as one that is sampled, which looks at all words at each step. */
export const SAMPLED = 3

/** What the page asks for: 3 captions by beam 5, as long as captions are by default. */
export const USUAL_EFFORT = 240

/**
 * What a photo of these options may take of the search: `count` captions, of at most `maxLength` words, with `beamSize`
 * hypotheses at each. Time goes up with it.
 */
export function effortOf({ count, beamSize, maxLength, temperature }: CaptionOptions): number {
  return count * (temperature > 0 ? SAMPLED : beamSize) * maxLength
}
