import type { DiversityScores } from './diversity.js'
import type { Evaluation } from './evaluation.js'
import type { GenderScores } from './gender.js'
import type { ObjectScores } from './objects.js'
import { share } from './scores.js'
import { MENTIONS, type SubjectScore } from './subjects.js'

/** What a score is called: METEOR without paraphrases and CIDEr by other photos are not those of the COCO evaluation. */
export function scoreTitle(
  name: string,
  { paraphrases, frequencies }: Pick<Evaluation, 'paraphrases' | 'frequencies'>,
): string {
  if (name === 'METEOR' && paraphrases === false) return 'METEOR, no paraphrases'
  if (name === 'CIDEr' && frequencies !== undefined)
    return `CIDEr, document frequencies of ${frequencies} images`
  return name
}

/** The scores as a table: a head, then a row a metric. */
export function scoreRows(evaluation: Evaluation): string[][] {
  const { images, corpus, intervals, people, comparison } = evaluation
  const head = [
    `${images} images`,
    'score',
    '95 % interval',
    ...(people === undefined ? [] : [`with ${people.references} refs`, 'people']),
    ...(comparison === undefined ? [] : ['other, difference', '95 % interval', 'p', 'real?']),
  ]
  const rows = Object.entries(corpus).map(([name, score]) => {
    const compared = comparison?.[name]
    return [
      scoreTitle(name, evaluation),
      number(score),
      range(intervals[name]),
      ...(people === undefined ? [] : [number(people.candidate[name]), number(people.human[name])]),
      ...(compared === undefined
        ? []
        : [
            number(compared.difference),
            range(compared.interval),
            compared.p.toFixed(3),
            compared.real ? 'yes' : 'no',
          ]),
    ]
  })
  return [head, ...rows]
}

/** What facts are told of: an evaluation, its people, or what a card keeps of either. */
interface Findings {
  readonly images: number
  readonly objects: Known<Omit<ObjectScores, 'perImage'>>
  /** Captions that name the subject of their photo, of those photos that have one. */
  readonly subjects?: Pick<SubjectScore, 'photos' | 'named'> | undefined
  readonly diversity: Known<DiversityScores>
  readonly gender: GenderScores
}
type Known<T> = { readonly [Name in keyof T]?: T[Name] | undefined }

/** What it is called, undefined where it is not known, and as it is read. */
type Fact = readonly [name: string, value: number | undefined, format: (value: number) => string]

/** What is no score, the same facts of whatever it is told. */
function facts({ images, objects, subjects, diversity, gender }: Findings): Fact[] {
  const fact = (name: string, value: number | undefined, format = percent): Fact => [name, value, format]
  const ofGendered = (name: string, share: number): Fact =>
    fact(`of these, ${name}`, gender.gendered === 0 ? undefined : share)
  return [
    fact('objects that no reference names', objects.unsupportedObjects),
    fact('captions that name an object no reference names', objects.unsupportedCaptions),
    fact('objects most references name, named', objects.found),
    fact(
      'captions that name the subject, where three references do',
      subjects?.photos ? subjects.named / subjects.photos : undefined,
    ),
    fact('distinct captions', diversity.distinct),
    fact('different words', diversity.vocabulary, String),
    fact('words a caption', diversity.meanLength, (value) => value.toFixed(1)),
    fact('captions that repeat a content word', diversity.repeating),
    fact('captions that break off', diversity.dangling),
    fact('captions without a word', diversity.empty),
    fact('captions that copy one of the training set', diversity.copied),
    fact('captions with a gendered word', gender.gendered),
    ofGendered('as the references have it', gender.supported),
    ofGendered('the other gender than the references', gender.contrary),
    ofGendered('where no reference says', gender.unfounded),
    ...(['women', 'men'] as const).flatMap((who) => [
      fact(`captions that name ${who}`, share(gender.named[who], images)),
      fact(`photos whose references name ${who}`, share(gender.referenced[who], images)),
    ]),
  ]
}

/** The facts of several, beside each other: a row each, its name, then a cell each, empty where it is not known. */
export function factsBeside(columns: readonly Findings[]): string[][] {
  const all = columns.map(facts)
  return (all[0] ?? []).flatMap(([name], row) => {
    const cells = all.map((column) => {
      const [, value, format] = column[row]!
      return value === undefined ? '' : format(value)
    })
    return cells.every((cell) => cell === '') ? [] : [[name, ...cells]]
  })
}

/** Everything but the scores as a table: a head, then a row each in words. */
export function factRows({ images, objects, diversity, gender, people }: Evaluation): string[][] {
  const ofPeople = people === undefined ? [] : [people]
  return [
    ['', 'captions', ...ofPeople.map(() => 'people, 1 ref fewer')],
    ...factsBeside([{ images, objects, diversity, gender }, ...ofPeople.map((all) => ({ ...all, images }))]),
  ]
}

/** How far confidences can be taken at their word: a head, then a row each; empty where there are none. */
export function calibrationRows({ calibration }: Evaluation): string[][] {
  if (calibration === undefined) return []
  const { captions, right, error, chance, auroc } = calibration
  return [
    [`confidence of ${captions} captions`, ''],
    ['expected calibration error', error.toFixed(3)],
    ['the same without fault, by chance', chance.toFixed(3)],
    ['AUROC', auroc.toFixed(3)],
    ['captions without an object that no reference names', percent(right)],
  ]
}

/**
 * Subjects as a table: a head, then a row a subject, and one for all, in which a photo of several subjects counts once
 * for each; empty where none were asked for.
 */
export function subjectRows({ subjects }: Evaluation): string[][] {
  if (subjects === undefined) return []
  const row = (name: string, all: readonly SubjectScore[]): string[] => {
    const [photos, named] = (['photos', 'named'] as const).map((of) =>
      all.reduce((sum, score) => sum + score[of], 0),
    )
    return [name, String(photos), String(named), photos === 0 ? '' : percent(named! / photos!)]
  }
  return [
    [`subject, by ${MENTIONS} references`, 'photos', 'named', 'share'],
    ...Object.entries(subjects).map(([name, score]) => row(name, [score])),
    row('all, a photo once a subject', Object.values(subjects)),
  ]
}

/** The captions that do not name the subject of their photo: a head, then a row each. */
export function missedRows({ subjects, captions }: Evaluation): string[][] {
  const missed = Object.entries(subjects ?? {}).flatMap(([name, { missed }]) =>
    missed.map((id) => [name, id, captions[id] ?? '']),
  )
  return missed.length === 0 ? [] : [['not named', 'image', 'caption'], ...missed]
}

/** All tables as text. */
export function textReport(evaluation: Evaluation): string {
  const missed = missedRows(evaluation).map((row) => `${row.join('  ')}\n`)
  return [
    ...[scoreRows, factRows, calibrationRows, subjectRows].map((rows) => aligned(rows(evaluation))),
    missed.join(''),
  ]
    .filter((text) => text !== '')
    .join('\n')
}

/** Lines of the rows, the first column to the left, the others to the right. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const cell = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)
  return rows.map((row) => `${row.map(cell).join('  ').trimEnd()}\n`).join('')
}

function number(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(4)
}

function range(interval: { readonly low: number; readonly high: number } | undefined): string {
  return interval === undefined ? '' : `${number(interval.low)} – ${number(interval.high)}`
}

/** A share as people read it: `12.3 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
