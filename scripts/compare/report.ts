import type { Example } from '../../data/batches.js'
import { ciderByStyle } from '../../decoder/validation.js'
import { type Comparison, compareScores } from '../../metrics/bootstrap.js'
import { scoreTokens } from '../../metrics/score.js'
import type { Scores } from '../../metrics/scores.js'
import { type Chart, type Curve, drawCharts } from '../chart.js'
import { averaged, pointsOf } from '../train-log.js'
import type { Trial, TrialEvent } from './trial.js'
import type { Changes, Variant } from './variants.js'

/** A variant that is done. */
export interface Tried extends Variant, Trial {
  readonly events: readonly TrialEvent[]
}

/** A line of the table. */
export interface Row {
  readonly name: string
  readonly changes: Changes
  /** Of the decoder. */
  readonly parameters: number
  /** Median. */
  readonly secondsAStep: number
  /** Nats a word, averaged weights. */
  readonly validationLoss: number
  /** Scores of the validation captions by the COCO evaluation's names. */
  readonly scores: Readonly<Record<string, number>>
  /** Paired bootstrap over the validation photos against the first variant, by score; of the first none. */
  readonly againstFirst?: Readonly<Record<string, Comparison>>
  readonly caption: string
  readonly engine: string
}

/** The scores of the table. */
const SCORES = ['Bleu_4', 'CIDEr'] as const

export function rowsOf(tried: readonly Tried[], validation: readonly Example[]): Row[] {
  const scores = tried.map(({ captions }) => scoresOf(captions, validation))
  return tried.map(({ name, changes, parameters, events, caption, engine }, i) => ({
    name,
    changes,
    parameters,
    // The last step has a validation in it.
    secondsAStep: median(events.slice(0, Math.max(1, events.length - 1)).map(({ seconds }) => seconds)),
    validationLoss: events.findLast(({ validationLoss }) => validationLoss !== undefined)!.validationLoss!,
    scores: Object.fromEntries(SCORES.map((score) => [score, scores[i]![score]!.corpus])),
    ...(i === 0 ? {} : { againstFirst: compareScores(scores[0]!, scores[i]!) }),
    caption,
    engine,
  }))
}

function scoresOf(
  captions: readonly (readonly string[])[],
  validation: readonly Example[],
): Record<string, Scores> {
  const { Bleu_4 } = scoreTokens(
    captions,
    validation.map((example) => example.captions),
  )
  return { Bleu_4: Bleu_4!, CIDEr: ciderByStyle(captions, validation) }
}

/** What the table says above and below itself. */
export interface Circumstances {
  readonly steps: number
  readonly imagesPerBatch: number
  readonly summary: string
  readonly validationPhotos: number
  readonly photo: string
  readonly engine: string
  /** Shape and recipe that all have where they change nothing. */
  readonly common: Changes
}

/** The table as Markdown. */
export function markdown(rows: readonly Row[], circumstances: Circumstances): string {
  const { steps, imagesPerBatch, summary, validationPhotos, photo, engine, common } = circumstances
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  const numbers = rows.map((row) =>
    line([
      row.name,
      inWords(row.changes),
      row.parameters.toLocaleString('en'),
      row.secondsAStep.toFixed(2),
      row.validationLoss.toFixed(3),
      ...SCORES.map((score) => row.scores[score]!.toFixed(4)),
      ...SCORES.map((score) => difference(row.againstFirst?.[score])),
    ]),
  )
  const first = rows[0]!.name
  return `# Variants of the captioner

Made by \`showtell compare\`. Every variant took ${steps} steps of ${imagesPerBatch} photos (${summary}): the same photos
and captions in the same order, unless it changes the seed. All were validated on the same ${validationPhotos} photos:
nats a word by teacher forcing, and captions as the search finds them by default. Parameters are those of the decoder;
seconds a step are the median on this machine (${engine}), whatever else it did.

The last two columns are differences from ${first} with their 95 % interval and p, by a paired bootstrap over the photos; bold
where p is below .05. Of twenty that differ by chance alone about one is bold, and the same variant trained
again from another seed differs too.

${line(['variant', 'what it changes', 'parameters', 's a step', 'nats a word', 'BLEU-4', 'CIDEr-D', `BLEU-4 against ${first}`, `CIDEr-D against ${first}`])}
${line(['---', '---', ...new Array<string>(5).fill('---:'), '---', '---'])}
${numbers.join('\n')}

![Curves of all variants](compare.svg)

Each is exported and captions \`${photo}\` as the service does:

${line(['variant', 'caption', 'engine'])}
${line(['---', '---', '---'])}
${rows.map((row) => line([row.name, row.caption, row.engine])).join('\n')}

What all have where they change nothing: ${inWords(common)}.
`
}

/** Training loss, validation loss and CIDEr-D of all variants over the steps, as one SVG. */
export function curves(tried: readonly Tried[]): string {
  const chart = (
    title: string,
    y: string,
    value: (event: TrialEvent) => number | undefined,
    smooth = false,
  ): Chart => ({
    title,
    x: 'step',
    y,
    curves: tried.map(({ name, events }, i): Curve => {
      const points = pointsOf(events, value)
      // There are seven colours.
      return { name, points: smooth ? averaged(points, 30) : points, dashed: i % 14 >= 7 }
    }),
  })
  return drawCharts(
    [
      chart('Training loss, smoothed', 'nats a word', ({ loss }) => loss, true),
      chart('Validation loss', 'nats a word', ({ validationLoss }) => validationLoss),
      chart('Validation CIDEr-D', 'CIDEr-D', ({ validationCider }) => validationCider),
    ],
    3,
  )
}

function difference(compared: Comparison | undefined): string {
  if (compared === undefined) return '–'
  const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`
  const { difference: value, interval, p, real } = compared
  const text = `${signed(value)} (${signed(interval.low)} to ${signed(interval.high)}), p ${p.toFixed(3)}`
  return real ? `**${text}**` : text
}

function inWords(changes: Changes): string {
  return Object.entries(changes)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}

function median(values: readonly number[]): number {
  const rising = [...values].sort((a, b) => a - b)
  const middle = rising.length / 2
  return (rising[Math.ceil(middle) - 1]! + rising[Math.floor(middle)]!) / 2
}
