import type { Evaluation } from './evaluation.js'
import { share } from './scores.js'
import { MENTIONS, type SubjectScore } from './subjects.js'

/** The scores as a table: a head, then a row a metric. */
export function scoreRows({ images, corpus, intervals, people, comparison }: Evaluation): string[][] {
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
      name,
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

/** Everything but the scores as a table: a head, then a row each in words. */
export function factRows({ images, objects, diversity, gender, people }: Evaluation): string[][] {
  const row = (
    name: string,
    value: number | undefined,
    human?: number,
    format: (value: number) => string = percent,
  ): string[][] => {
    if (value === undefined) return []
    const ofPeople = people === undefined ? [] : [human === undefined ? '' : format(human)]
    return [[name, format(value), ...ofPeople]]
  }
  const same = people?.diversity
  return [
    ['', 'captions', ...(people === undefined ? [] : ['people, 1 ref fewer'])],
    ...row('objects that no reference names', objects.unsupportedObjects, people?.objects.unsupportedObjects),
    ...row('captions with such an object', objects.unsupportedCaptions, people?.objects.unsupportedCaptions),
    ...row('objects most references name, found', objects.found, people?.objects.found),
    ...row('distinct captions', diversity.distinct, same?.distinct),
    ...row('different words', diversity.vocabulary, same?.vocabulary, String),
    ...row('words a caption', diversity.meanLength, same?.meanLength, (value) => value.toFixed(1)),
    ...row('captions that repeat a content word', diversity.repeating, same?.repeating),
    ...row('captions that break off', diversity.dangling, same?.dangling),
    ...row('captions without a word', diversity.empty, same?.empty),
    ...row('captions copied from the training set', diversity.copied),
    ...row('captions with a gendered word', gender.gendered, people?.gender.gendered),
    ...row('of these, as the references have it', gender.supported, people?.gender.supported),
    ...row('of these, against the references', gender.contrary, people?.gender.contrary),
    ...row('of these, where no reference says', gender.unfounded, people?.gender.unfounded),
    ...(['women', 'men'] as const).flatMap((who) => [
      ...row(
        `captions that name ${who}`,
        share(gender.named[who], images),
        people && share(people.gender.named[who], images),
      ),
      ...row(`photos whose references name ${who}`, share(gender.referenced[who], images)),
    ]),
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
