import type { ScoredImage } from './candidates.js'
import { histogram } from './diversity.js'
import type { Evaluation } from './evaluation.js'

/** Photos shown among the best and among the worst. */
const SHOWN = 12
/** What photos are ordered by. */
const ORDER = 'CIDEr'
const BINS = 20

export interface Report {
  readonly title: string
  readonly evaluation: Evaluation
  readonly images: readonly ScoredImage[]
  readonly warnings: readonly string[]
  /** Pictures as data addresses, by image id. */
  readonly pictures?: ReadonlyMap<string, string>
}

/** The images with the highest and with the lowest CIDEr, the most telling first; no image is in both. */
export function extremes(
  evaluation: Evaluation,
  images: readonly ScoredImage[],
): { best: readonly ScoredImage[]; worst: readonly ScoredImage[] } {
  const score = ({ id }: ScoredImage): number => evaluation.perImage[id]?.[ORDER] ?? 0
  const rising = [...images].sort((a, b) => score(a) - score(b))
  const shown = Math.min(SHOWN, Math.ceil(images.length / 2))
  return { worst: rising.slice(0, shown), best: rising.slice(shown).slice(-shown).reverse() }
}

/** A page that needs nothing else: scores, intervals, histograms, the best and the worst photos. */
export function htmlReport(report: Report): string {
  const { title, evaluation, images, warnings } = report
  const { best, worst } = extremes(evaluation, images)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .8rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}figure{margin:0}img{width:100%;border-radius:4px}
.charts,.photos{display:grid;gap:1.2rem;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr))}
svg{width:100%;height:auto}rect{fill:#47a}text{font-size:9px;fill:#555}
ul{margin:.3rem 0;padding-left:1.1rem;color:#555;font-size:.9em}small{color:#777}.warnings{color:#a40}
</style>
<h1>${escaped(title)}</h1>
<p>${evaluation.images} images. Intervals hold 95 % (bootstrap over the images).</p>
${warnings.length === 0 ? '' : `<ul class="warnings">${warnings.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>`}
<h2>Scores</h2>
${scoreTable(evaluation)}
<h2>What overlap hides</h2>
${table(
  ['', 'captions', ...(evaluation.people === undefined ? [] : ['people'])],
  factRows(evaluation).map(({ name, value, people }) => [
    name,
    value,
    ...(evaluation.people === undefined ? [] : [people ?? '']),
  ]),
)}
<h2>Histograms</h2>
<div class="charts">
${Object.keys(evaluation.corpus)
  .map((name) => scoreChart(name, evaluation))
  .join('\n')}
${chart('words a caption', evaluation.diversity.lengths, 0, evaluation.diversity.lengths.length)}
</div>
<h2>Best photos by ${ORDER}</h2>
${gallery(best, report)}
<h2>Worst photos by ${ORDER}</h2>
${gallery(worst, report)}
</html>
`
}

/** Everything but the scores, in words. */
export function factRows({
  objects,
  diversity,
  gender,
  people,
}: Evaluation): { name: string; value: string; people?: string }[] {
  const row = (
    name: string,
    value: number | undefined,
    human: number | undefined,
    format: (value: number) => string = percent,
  ): { name: string; value: string; people?: string }[] =>
    value === undefined
      ? []
      : [{ name, value: format(value), ...(human === undefined ? {} : { people: format(human) }) }]
  const same = people?.diversity
  return [
    ...row('objects that no reference names', objects.unsupportedObjects, people?.objects.unsupportedObjects),
    ...row('captions with such an object', objects.unsupportedCaptions, people?.objects.unsupportedCaptions),
    ...row('objects most references name, found', objects.found, people?.objects.found),
    ...row('distinct captions', diversity.distinct, same?.distinct),
    ...row('different words', diversity.vocabulary, same?.vocabulary, String),
    ...row('words a caption', diversity.meanLength, same?.meanLength, (value) => value.toFixed(1)),
    ...row('captions that repeat a content word', diversity.repeating, same?.repeating),
    ...row('captions that break off', diversity.dangling, same?.dangling),
    ...row('captions without a word', diversity.empty, same?.empty),
    ...row('captions copied from the training set', diversity.copied, undefined),
    ...row('captions with a gendered word', gender.gendered, undefined),
    ...row('of these, as the references have it', gender.supported, undefined),
    ...row('of these, against the references', gender.contrary, undefined),
    ...row('of these, where no reference says', gender.unfounded, undefined),
  ]
}

function scoreTable({ corpus, intervals, comparison, people }: Evaluation): string {
  const others = people === undefined ? '' : `, ${people.references} references`
  return table(
    [
      'metric',
      'score',
      'interval',
      ...(people === undefined ? [] : [`captions${others}`, `people${others}`]),
      ...(comparison === undefined ? [] : ['other, difference', 'interval', 'p', 'real?']),
    ],
    Object.entries(corpus).map(([name, score]) => {
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
    }),
  )
}

function scoreChart(name: string, { perImage }: Evaluation): string {
  const values = Object.values(perImage).map((scores) => scores[name] ?? 0)
  const high = values.reduce((most, value) => Math.max(most, value), 0) || 1
  return chart(name, histogram(values, BINS, 0, high), 0, high)
}

function chart(title: string, counts: readonly number[], low: number, high: number): string {
  const most = Math.max(1, ...counts)
  const width = 200 / Math.max(1, counts.length)
  const bars = counts.map((count, index) => {
    const height = (count / most) * 80
    const [x, y, w, h] = [index * width, 90 - height, width * 0.9, height].map((value) => value.toFixed(1))
    return `<rect x="${x}" y="${y}" width="${w}" height="${h}"><title>${count}</title></rect>`
  })
  return `<figure><svg viewBox="0 0 200 104" role="img"><title>${escaped(title)}</title>${bars.join('')}<text x="0" y="101">${label(low)}</text><text x="200" y="101" text-anchor="end">${label(high)}</text></svg><figcaption>${escaped(title)}</figcaption></figure>`
}

function gallery(images: readonly ScoredImage[], { evaluation, pictures }: Report): string {
  const cards = images.map(({ id, file, candidate, references }) => {
    const picture = pictures?.get(id)
    // An id may be the name of something that every object has.
    const unsupported = Object.hasOwn(evaluation.unsupportedObjects, id)
      ? evaluation.unsupportedObjects[id]
      : undefined
    return `<figure>${picture === undefined ? '' : `<img src="${escaped(picture)}" alt="${escaped(candidate)}">`}
<figcaption><strong>${escaped(candidate)}</strong> <small>${number(evaluation.perImage[id]?.[ORDER])} · ${escaped(file)}</small>
${unsupported === undefined ? '' : `<br><small class="warnings">no reference names: ${escaped(unsupported.join(', '))}</small>`}
<ul>${references.map((reference) => `<li>${escaped(reference)}</li>`).join('')}</ul></figcaption></figure>`
  })
  return `<div class="photos">${cards.join('\n')}</div>`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  return `<table>${line(head, 'th')}${rows.map((row) => line(row, 'td')).join('')}</table>`
}

function number(value = Number.NaN): string {
  return Number.isNaN(value) ? '' : value.toFixed(4)
}

function range(interval: { low: number; high: number } | undefined): string {
  return interval === undefined ? '' : `${number(interval.low)} – ${number(interval.high)}`
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)} %`
}

function label(value: number): string {
  return String(Math.round(value * 100) / 100)
}

/** Text as it stands in HTML and XML. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
