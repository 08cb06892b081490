import { expected } from '../errors.js'
import { factsBeside, percent } from '../metrics/report-rows.js'
import type { BundleContent } from './bundle.js'
import type { CardScores } from './card-scores.js'
import { trainingSteps } from './training-steps.js'

/** The model card of a bundle, Markdown: what it is, what it learnt from, how well it does, where it fails. */
export function modelCard({ config, vocabulary }: Pick<BundleContent, 'config' | 'vocabulary'>): string {
  const { encoder, decoder, training, scores = [] } = config
  return `# ${config.name}

Captions photos in English. Made by showtell.

| | |
|---|---|
| encoder | ${encoder.name} (${encoder.source})${sizeOf(encoder)} |
| decoder | ${decoder.cell}, ${decoder.units} units, attention ${decoder.attention} over ${decoder.regions} regions |
| vocabulary | ${vocabulary.size} tokens, styles ${vocabulary.styles.join(', ')}; default ${config.defaultStyle} |
| confidence | ${config.confidence?.calibration ?? 'not calibrated'} |

## Training

${trainingSection(training)}

${scores.length === 0 ? '' : sections(scores)}## Terms

${config.terms ?? 'None were stated when it was made.'}

## Limits

It names what is common in its training photos and guesses the rest: rare objects, text, numbers, relations and people's
roles are often wrong. It learnt from captions that people wrote about photos of others, with their assumptions, the
gender of people among them. Do not use it to identify people or where a wrong caption does harm.
`
}

/** Of photos, where it is not the encoder's own. */
function sizeOf(encoder: BundleContent['config']['encoder']): string {
  return 'imageSize' in encoder ? `, photos as ${encoder.imageSize} × ${encoder.imageSize}` : ''
}

/** Where the reliability diagram of a set lies beside the card. */
export function diagramOf({ set }: Pick<CardScores, 'set'>): string {
  return `reliability-${set.toLowerCase().replace(/[^\p{L}\p{M}\p{N}]+/gu, '-')}.svg`
}

/** @throws ShowtellError INVALID_ARGUMENT naming two sets of which one would show the diagram of the other. */
export function checkDiagrams(sets: readonly string[]): void {
  for (const [i, set] of sets.entries()) {
    const other = sets.slice(0, i).find((before) => diagramOf({ set: before }) === diagramOf({ set }))
    if (other !== undefined)
      throw expected(`a name that differs from ${other} in letters or numbers`, '--scores', set)
  }
}

/** What was stated of the training; a row each where it went on from others. */
function trainingSection(stated: BundleContent['config']['training']): string {
  // As the config of the bundle has it, without what is undefined.
  const training: typeof stated = JSON.parse(JSON.stringify(stated))
  const steps = trainingSteps(training)
  if (steps.length === 1)
    return table(
      ['', ''],
      Object.entries(training).map(([name, value]) => [name, cell(value)]),
    )
  const rows = steps.map(({ from, settings }, i) => [
    String(i + 1),
    from.length > 1 ? `mean of ${from.join(', ')}` : from.join(),
    Object.entries(settings)
      .map(([name, value]) => `${name} ${cell(value)}`)
      .join('; '),
  ])
  return table(['', 'from', 'with'], rows)
}

function sections(scores: readonly CardScores[]): string {
  return [scoreSection(scores), factSection(scores), reliabilitySection(scores), failureSection(scores)]
    .filter((section) => section !== '')
    .map((section) => `${section}\n\n`)
    .join('')
}

/** Titles by the names of the COCO evaluation. */
const TITLES = { Bleu_4: 'BLEU-4', METEOR: 'METEOR', ROUGE_L: 'ROUGE-L', CIDEr: 'CIDEr' }

function scoreSection(scores: readonly CardScores[]): string {
  const names = Object.keys(TITLES) as (keyof typeof TITLES)[]
  const score = (value: number | undefined): string => (value === undefined ? '' : (100 * value).toFixed(1))
  const rows = scores.flatMap(({ set, images, corpus, intervals, people }) => [
    [
      `${set}, ${images} photos`,
      ...names.map((name) => {
        const { low, high } = intervals[name] ?? {}
        return `${score(corpus[name])}${low === undefined ? '' : ` (${score(low)} – ${score(high)})`}`
      }),
    ],
    ...(people === undefined
      ? []
      : [
          [
            `its captions, against ${people.references} references`,
            ...names.map((name) => score(people.candidate[name])),
          ],
          [
            `people on the same photos, against ${people.references} references`,
            ...names.map((name) => score(people.human[name])),
          ],
        ]),
  ])
  return `## Scores

By \`showtell evaluate\`, which computes what pycocoevalcap 1.2 does. In brackets the 95 % interval.${meteorOf(scores)}${ciderOf(scores)}

${table(['', ...Object.values(TITLES)], rows)}`
}

/** Which METEOR it is, where it was scored. */
function meteorOf(scores: readonly CardScores[]): string {
  const without = scores.filter(({ paraphrases }) => paraphrases === false)
  if (without.length > 0)
    return ` METEOR${ofSome(without, scores)} is without the paraphrases that pycocoevalcap has.`
  return scores.every(({ paraphrases }) => paraphrases) ? ' METEOR is with its paraphrases.' : ''
}

/** Which CIDEr it is, where it is not that of pycocoevalcap. */
function ciderOf(scores: readonly CardScores[]): string {
  const others = scores.filter(({ frequencies }) => frequencies !== undefined)
  const images = [...new Set(others.map(({ frequencies }) => frequencies))].join(' and ')
  return others.length === 0
    ? ''
    : ` CIDEr${ofSome(others, scores)} is by the document frequencies of ${images} images, where pycocoevalcap takes those of the set.`
}

/** ` of One and Another`; nothing where it is all sets. */
function ofSome(some: readonly CardScores[], all: readonly CardScores[]): string {
  return some.length === all.length ? '' : ` of ${some.map(({ set }) => set).join(' and ')}`
}

/** What overlap hides, gendered words among it; a column a set, and one for the people of it. */
function factSection(scores: readonly CardScores[]): string {
  const columns = scores.flatMap(({ people, ...all }) => [
    { name: all.set, ...all },
    ...(people === undefined
      ? []
      : [{ name: `${all.set}: people, against one reference fewer`, ...people, images: all.images }]),
  ])
  return `## What overlap hides, and gender

${table(['', ...columns.map(({ name }) => name)], factsBeside(columns))}`
}

function reliabilitySection(scores: readonly CardScores[]): string {
  const measured = scores.flatMap(({ set, calibration }) =>
    calibration === undefined ? [] : [{ set, ...calibration }],
  )
  if (measured.length === 0) return ''
  const rows = measured.map(({ set, error, chance, auroc, right }) => [
    set,
    error.toFixed(3),
    chance.toFixed(3),
    auroc.toFixed(3),
    percent(right),
  ])
  if (measured.length > 1) rows.push(['all together', pooledError(measured).toFixed(3), '', '', ''])
  return `## Confidence

The confidence of a caption is the probability that every object it names stands in some reference. The expected
calibration error is over ten equal bins; "by chance" is what confidences without fault would have on so few captions.

${table(['', 'calibration error', 'by chance', 'AUROC', 'captions right'], rows)}

${measured.map((one) => `![Reliability of ${one.set}](${diagramOf(one)})`).join('\n')}`
}

/** Expected calibration error of all captions in one. */
function pooledError(all: readonly NonNullable<CardScores['calibration']>[]): number {
  const off = all[0]!.bins.map((_, bin) =>
    all.reduce((sum, { bins }) => {
      const { captions, confidence, right } = bins[bin]!
      return sum + captions * (confidence - right)
    }, 0),
  )
  const captions = all.reduce((sum, one) => sum + one.captions, 0)
  return off.reduce((sum, value) => sum + Math.abs(value), 0) / captions
}

function failureSection(scores: readonly CardScores[]): string {
  const rows = scores.flatMap(({ set, failures }) =>
    failures.map(({ image, caption, unsupported, confidence }) => [
      `${set}, ${image}`,
      caption,
      unsupported.join(', '),
      confidence?.toFixed(2) ?? '',
    ]),
  )
  return rows.length === 0
    ? ''
    : `## Failures

Of the captions that name an object no reference names, those ${chosenOf(scores)}.

${table(['photo', 'caption', 'no reference names', 'confidence'], rows)}`
}

/** How the failures of some sets were chosen. */
function chosenOf(scores: readonly CardScores[]): string {
  const measured = scores.filter(({ calibration }) => calibration !== undefined).length
  if (measured === 0) return 'with the lowest CIDEr'
  const surest = 'that it was surest of'
  return measured === scores.length ? surest : `${surest}, or, without confidences, with the lowest CIDEr`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text) => text.replace(/[|\r\n]/g, ' ')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

function cell(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number'
    ? String(value)
    : `\`${JSON.stringify(value)}\``
}
