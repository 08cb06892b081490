import type { ObjectGroups } from './object-groups.js'
import { objectsOf } from './objects.js'
import { checkReferences } from './scores.js'

/** A photo shows a subject when so many references name it. */
export const MENTIONS = 3

export interface SubjectScore {
  /** Photos that show the subject. */
  readonly photos: number
  /** Of these, whose captions name it. */
  readonly named: number
  /** Of these, whose captions do not: ids. */
  readonly missed: readonly string[]
}

/** By subject, in the order of the list. */
export type SubjectScores = Readonly<Record<string, SubjectScore>>

/**
 * Whether captions name what photos show: of the photos whose subject at least three references name, those whose
 * caption names it.
 * @param ids of the images
 * @param candidates tokens, one caption an image
 * @param references tokens, the captions of each image
 * @param subjects the words for each, see `parseGroups`
 * @throws ShowtellError INVALID_ARGUMENT when the lengths differ or an image has no reference
 */
export function scoreSubjects(
  ids: readonly string[],
  candidates: readonly (readonly string[])[],
  references: readonly (readonly (readonly string[])[])[],
  subjects: ObjectGroups,
): SubjectScores {
  checkReferences(ids, references)
  checkReferences(candidates, references)
  const names = [...new Set(subjects.values())].filter((name) => name !== null)
  const scores = new Map(names.map((name) => [name, { photos: 0, named: 0, missed: [] as string[] }]))
  for (const [image, id] of ids.entries()) {
    const said = new Set(objectsOf(candidates[image]!, subjects))
    const mentions = references[image]!.flatMap((reference) => objectsOf(reference, subjects))
    for (const [name, score] of scores) {
      if (mentions.filter((mention) => mention === name).length < MENTIONS) continue
      score.photos++
      if (said.has(name)) score.named++
      else score.missed.push(id)
    }
  }
  return Object.fromEntries(scores)
}
