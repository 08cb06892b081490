import type { ScoredImage } from './candidates.js'
import { histogram } from './diversity.js'
import type { Evaluation } from './evaluation.js'
import { reliabilityDiagram } from './reliability.js'
import { calibrationRows, factRows, missedRows, scoreRows, scoreTitle, subjectRows } from './report-rows.js'
import { escaped } from './svg.js'

/** Photos shown among the best and among the worst; of up to twice as many all are shown. */
const SHOWN = 20
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
figure svg{width:100%;height:auto}figure rect{fill:#47a}figure text{font-size:9px;fill:#555}
ul{margin:.3rem 0;padding-left:1.1rem;color:#555;font-size:.9em}small{color:#777}.warnings{color:#a40}
</style>
<h1>${escaped(title)}</h1>
<p>${evaluation.images} images. Intervals hold 95 % (bootstrap over the images).</p>
${warnings.length === 0 ? '' : `<ul class="warnings">${warnings.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>`}
<h2>Scores</h2>
${table(scoreRows(evaluation))}
<h2>What overlap hides</h2>
${table(factRows(evaluation))}
${evaluation.calibration === undefined ? '' : `<h2>Confidence</h2>\n${table(calibrationRows(evaluation))}\n${reliabilityDiagram(evaluation.calibration)}`}
${evaluation.subjects === undefined ? '' : `<h2>Subjects</h2>\n${table(subjectRows(evaluation))}\n${table(missedRows(evaluation))}`}
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

function scoreChart(name: string, evaluation: Evaluation): string {
  const values = Object.values(evaluation.perImage).map((scores) => scores[name] ?? 0)
  const high = values.reduce((most, value) => Math.max(most, value), 0) || 1
  return chart(scoreTitle(name, evaluation), histogram(values, BINS, 0, high), 0, high)
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
<figcaption><strong>${escaped(candidate)}</strong> <small>${evaluation.perImage[id]?.[ORDER]?.toFixed(4)} · ${escaped(file)}</small>
${unsupported === undefined ? '' : `<br><small class="warnings">no reference names: ${escaped(unsupported.join(', '))}</small>`}
<ul>${references.map((reference) => `<li>${escaped(reference)}</li>`).join('')}</ul></figcaption></figure>`
  })
  return `<div class="photos">${cards.join('\n')}</div>`
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  return `<table>${line(head, 'th')}${rows.map((row) => line(row, 'td')).join('')}</table>`
}

function label(value: number): string {
  return String(Math.round(value * 100) / 100)
}
