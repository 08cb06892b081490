import { tokenize } from '../data/tokenizer.js'
import { expected } from '../errors.js'
import {
  type BootstrapOptions,
  bootstrapIntervals,
  type Comparison,
  compareScores,
  type Interval,
} from './bootstrap.js'
import { type Calibration, scoreConfidence } from './calibration.js'
import type { ScoredImage } from './candidates.js'
import { type DiversityScores, scoreDiversity } from './diversity.js'
import { type GenderScores, scoreGender } from './gender.js'
import { type HumanScores, humanScores, humanSets } from './human.js'
import type { ObjectGroups } from './object-groups.js'
import { type ObjectScores, scoreObjects } from './objects.js'
import { type CaptionSet, METRICS, type ScoreOptions, scoreTokens } from './score.js'
import type { Scores } from './scores.js'
import { type SubjectScores, scoreSubjects } from './subjects.js'

/** Everything that one evaluation says of a result file. */
export interface Evaluation {
  readonly images: number
  /** What was scored, by image id. */
  readonly captions: Readonly<Record<string, string>>
  /** By the names of the COCO evaluation. Without paraphrases METEOR is another metric, and so is CIDEr with `frequencies`. */
  readonly corpus: Readonly<Record<string, number>>
  /** Whether METEOR, if it was scored, knew paraphrases. */
  readonly paraphrases?: boolean
  /** Of how many images the document frequencies are that CIDEr weighs by, where they are not those of the references. */
  readonly frequencies?: number
  /** By image id, then by name. */
  readonly perImage: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** 95 % intervals of `corpus`. */
  readonly intervals: Readonly<Record<string, Interval>>
  readonly objects: Omit<ObjectScores, 'perImage'>
  readonly unsupportedObjects: Readonly<Record<string, readonly string[]>>
  readonly diversity: DiversityScores
  readonly gender: GenderScores
  /** Of the captions that come with a confidence, by image id; absent where none does. */
  readonly confidences?: Readonly<Record<string, number>>
  readonly calibration?: Calibration
  /** By subject, if any were asked for. */
  readonly subjects?: SubjectScores
  /** What other captions score on the same images less what these do. */
  readonly comparison?: Readonly<Record<string, Comparison>>
  /**
   * Beside the scores, what can be said of the first reference of each image, against the others: one fewer than the
   * captions go against, so that fewer support an object, and of an even number half are already most.
   */
  readonly people?: HumanScores & {
    readonly diversity: DiversityScores
    readonly objects: Omit<ObjectScores, 'perImage'>
    readonly gender: GenderScores
  }
}

/**
 * Begins METEOR of each of some sets, which may work beside the other metrics.
 * @returns once it works by itself, what waits for the scores
 */
export type BeginMeteor = (
  sets: readonly CaptionSet[],
) => Promise<() => readonly Scores[] | Promise<readonly Scores[]>>

export interface EvaluationOptions extends Omit<ScoreOptions, 'meteor'>, Pick<BootstrapOptions, 'samples'> {
  /** METEOR, scored when it is given. */
  readonly meteor?: BeginMeteor | undefined
  /** Whether METEOR knows paraphrases, as that of the COCO evaluation does. */
  readonly paraphrases?: boolean | undefined
  /** Captions of another model for the same images in the same order. */
  readonly other?: readonly string[] | undefined
  /** Captions that the model was trained on. */
  readonly training?: Iterable<string> | undefined
  /** Subjects of photos: which captions name them? */
  readonly subjects?: ObjectGroups | undefined
  /** Score people, too: each reference against the others. */
  readonly people?: boolean | undefined
}

/**
 * Scores captions and all that can be said about them.
 * @throws ShowtellError INVALID_ARGUMENT; for people INVALID_DATA naming an image that has one reference only
 */
export async function evaluate(
  images: readonly ScoredImage[],
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  const { training, people, subjects } = options
  if (people === true) checkPeople(images)
  const candidates = images.map(({ candidate }) => tokenize(candidate))
  const references = images.map((image) => image.references.map(tokenize))
  const other = options.other?.map(tokenize)
  const humans = people === true ? humanSets(candidates, references) : []
  const sets: CaptionSet[] = [
    { candidates, references },
    ...humans,
    ...(other === undefined ? [] : [{ candidates: other, references }]),
  ]
  const meteors = await options.meteor?.(sets)
  // All that needs no METEOR comes before it is waited for.
  const { documentFrequencies } = options
  const plain = sets.map((set) => scoreTokens(set.candidates, set.references, { documentFrequencies }))
  const { perImage: mentions, ...objects } = scoreObjects(candidates, references)
  const diversity = scoreDiversity(
    candidates,
    training === undefined ? undefined : Array.from(training, tokenize),
  )
  const gender = scoreGender(candidates, references)
  const ofPeople = people === true ? peopleOf(references) : undefined
  const plainIntervals = bootstrapIntervals(plain[0]!, options)
  const [scores, ...others] = withMeteor(plain, await meteors?.()) as [SetScores, ...SetScores[]]
  const sure = images.flatMap(({ id, confidence }, index) =>
    confidence === undefined ? [] : [{ id, confidence, right: mentions[index]!.unsupported.length === 0 }],
  )
  return {
    images: images.length,
    captions: Object.fromEntries(images.map(({ id, candidate }) => [id, candidate])),
    corpus: Object.fromEntries(Object.entries(scores).map(([name, { corpus }]) => [name, corpus])),
    ...(meteors === undefined ? {} : { paraphrases: options.paraphrases === true }),
    ...(documentFrequencies === undefined ? {} : { frequencies: documentFrequencies.images }),
    perImage: Object.fromEntries(
      images.map(({ id }, index) => [
        id,
        Object.fromEntries(
          Object.entries(scores).map(([name, { perImage }]) => [name, perImage[index] ?? 0]),
        ),
      ]),
    ),
    // METEOR's by itself: the same images are drawn each time.
    intervals: Object.fromEntries(
      Object.entries(scores).map(([name, ofName]) => [
        name,
        plainIntervals[name] ?? bootstrapIntervals({ [name]: ofName }, options)[name]!,
      ]),
    ),
    objects,
    unsupportedObjects: Object.fromEntries(
      images.flatMap(({ id }, index) => {
        const { unsupported } = mentions[index]!
        return unsupported.length === 0 ? [] : [[id, unsupported]]
      }),
    ),
    diversity,
    gender,
    ...(sure.length === 0
      ? {}
      : {
          confidences: Object.fromEntries(sure.map(({ id, confidence }) => [id, confidence])),
          calibration: scoreConfidence(
            sure.map(({ confidence }) => confidence),
            sure.map(({ right }) => right),
          ),
        }),
    ...(subjects === undefined
      ? {}
      : {
          subjects: scoreSubjects(
            images.map(({ id }) => id),
            candidates,
            references,
            subjects,
          ),
        }),
    ...(other === undefined ? {} : { comparison: compareScores(scores, others.at(-1)!, options) }),
    ...(ofPeople === undefined
      ? {}
      : { people: { ...humanScores(others.slice(0, humans.length)), ...ofPeople } }),
  }
}

/** @throws ShowtellError INVALID_DATA naming an image that has one reference only, on which people cannot be scored. */
export function checkPeople(images: readonly Pick<ScoredImage, 'id' | 'references'>[]): void {
  const lonely = images.find(({ references }) => references.length < 2)
  if (lonely !== undefined)
    throw expected('at least two references', `people on image ${lonely.id}`, 1, 'INVALID_DATA')
}

type SetScores = Readonly<Record<string, Scores>>

/** The scores of each set, METEOR where the COCO evaluation has it. */
function withMeteor(
  sets: readonly SetScores[],
  meteors: readonly Scores[] | undefined,
): readonly SetScores[] {
  if (meteors === undefined) return sets
  return sets.map((scores, index) => {
    const all: SetScores = { ...scores, METEOR: meteors[index]! }
    return Object.fromEntries(NAMES.map((name) => [name, all[name]!]))
  })
}

const NAMES = Object.values(METRICS).flatMap(({ names }) => [...names])

/** Of people what is no score: of the first reference of each image, against the others. */
function peopleOf(
  references: readonly string[][][],
): Omit<NonNullable<Evaluation['people']>, keyof HumanScores> {
  const first = references.map((captions) => captions[0] ?? [])
  const others = references.map((captions) => captions.slice(1))
  const { perImage: _, ...objects } = scoreObjects(first, others)
  return { diversity: scoreDiversity(first), objects, gender: scoreGender(first, others) }
}
