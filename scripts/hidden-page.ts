import type { Ranking, UnitTrace } from '../language/hidden.js'
import { escaped, picture } from '../metrics/svg.js'
import { makePlace, writeWhole } from './whole-file.js'

export interface HiddenStates {
  readonly title: string
  /** What was read; `\n` breaks the line. */
  readonly tokens: readonly string[]
  readonly units: readonly UnitTrace[]
  /** What was asked of the units, and which of them follow it best. */
  readonly rankings: readonly Ranking[]
}

/** Makes room for what `writeHidden` writes. @throws ShowtellError as `makePlace`. */
export async function makeHiddenPlaces(out: string): Promise<void> {
  for (const ending of ['html', 'svg']) await makePlace(`${out}.${ending}`)
}

/** Writes the page and the picture, and says so. */
export async function writeHidden(out: string, shown: HiddenStates): Promise<void> {
  await writeWhole(`${out}.html`, hiddenPage(shown))
  await writeWhole(`${out}.svg`, hiddenPicture(shown))
  process.stderr.write(`wrote ${out}.html and ${out}.svg\n`)
}

/** What is asked of the units, and what the best of them may reach without following it. */
export function headingOf({ name, chance }: Ranking): string {
  return `${name} (${chance === 0 ? 'the same throughout' : `by chance up to ${chance.toFixed(2)}`})`
}

/** Red at −1, white at 0, blue at 1; the text stays black. */
const [RED, BLUE] = [
  [239, 106, 100],
  [110, 146, 248],
] as const

/**
 * A page that needs nothing else: the text coloured by what a unit does, red for −1 to blue for +1, the units that follow
 * something to choose from, and any other by its number.
 */
export function hiddenPage({ title, tokens, units, rankings }: HiddenStates): string {
  // A byte a value: nobody sees the 255th part of a colour.
  const bytes = Buffer.concat(
    units.map(({ values }) => Buffer.from(Int8Array.from(values, (value) => Math.round(127 * value)).buffer)),
  )
  const data = JSON.stringify({
    tokens,
    units: units.map(({ name }) => name),
    rankings: rankings.map((ranking) => ({
      heading: headingOf(ranking),
      followers: ranking.followers.map(({ unit, correlation }) => [unit, Number(correlation.toFixed(3))]),
    })),
    values: bytes.toString('base64'),
    colours: [RED, BLUE],
  }).replaceAll('<', '\\u003c')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem; color: #111; background: #fff }
#text { font: 14px/1.6 ui-monospace, monospace; white-space: pre-wrap; margin-top: 1rem; max-width: 60rem }
button { font: inherit; margin: 0 .3rem .3rem 0; padding: .1rem .5rem; border: 1px solid #999; border-radius: .3rem; background: #fff; color: inherit }
button[aria-pressed=true] { background: #111; color: #fff }
.key { display: inline-block; width: 8rem; height: .8rem; vertical-align: middle; background: linear-gradient(to right, rgb(${RED}), #fff, rgb(${BLUE})) }
h2 { font-size: 1rem; margin: .8rem 0 .3rem }
</style>
<h1>${escaped(title)}</h1>
<p>−1 <span class="key"></span> +1 · unit <select id="unit" aria-label="unit"></select></p>
<div id="rankings"></div>
<div id="text"></div>
<script>
const { tokens, units, rankings, values, colours } = ${data}
const bytes = Int8Array.from(atob(values), (c) => c.charCodeAt(0))
const text = document.getElementById('text')
const select = document.getElementById('unit')
const spans = tokens.map((token) => {
  const span = document.createElement('span')
  span.textContent = token
  text.append(span)
  return span
})
const buttons = []
for (const { heading, followers } of rankings) {
  const title = document.createElement('h2')
  title.textContent = heading
  document.getElementById('rankings').append(title)
  if (followers.length === 0) title.after('no unit follows it')
  for (const [unit, correlation] of followers) {
    const button = document.createElement('button')
    button.textContent = units[unit] + ' (' + correlation.toFixed(2) + ')'
    button.onclick = () => show(unit)
    document.getElementById('rankings').append(button)
    buttons.push([unit, button])
  }
}
units.forEach((name, unit) => select.append(new Option(name, unit)))
select.onchange = () => show(Number(select.value))
function show(unit) {
  select.value = unit
  for (const [other, button] of buttons) button.setAttribute('aria-pressed', other === unit)
  spans.forEach((span, i) => {
    const value = bytes[unit * tokens.length + i] / 127
    const end = colours[value < 0 ? 0 : 1]
    span.style.background = 'rgb(' + end.map((c) => Math.round(255 + (c - 255) * Math.abs(value))) + ')'
    span.title = value.toFixed(2)
  })
}
show(rankings.find(({ followers }) => followers.length > 0)?.followers[0][0] ?? 0)
</script>
</html>
`
}

const [CHARACTER, LINE, MARGIN] = [7.8, 19, 12]
/** Lines shown of the text, and characters of one: what is longer goes on in the next. */
const [LINES, COLUMNS] = [12, 100]

/** The unit that follows each thing best, if any does, over the first lines of the text, as an SVG that needs nothing else. */
export function hiddenPicture({ title, tokens, units, rankings }: HiddenStates): string {
  const lines = linesOf(tokens).slice(0, LINES)
  const panels = rankings.map((ranking) => {
    const [best] = ranking.followers
    if (best === undefined) return { heading: `${headingOf(ranking)}: no unit follows it` }
    const { name, values } = units[best.unit]!
    return {
      heading: `${headingOf(ranking)}: unit ${name}, correlation ${best.correlation.toFixed(2)}`,
      values,
    }
  })
  const columns = Math.max(
    ...panels.map(({ heading }) => heading.length),
    ...lines.map((line) => line.reduce((sum, { width }) => sum + width, 0)),
  )
  let y = MARGIN
  const drawn = panels.map(({ heading, values }) => {
    const text =
      values === undefined ? [] : lines.map((line, row) => lineOf(line, values, LINE * (row + 1) + 14))
    const panel = `<g transform="translate(${MARGIN} ${y})"><text y="14" font-weight="bold">${escaped(heading)}</text>\n${text.join('\n')}</g>`
    y += (text.length + 2) * LINE
    return panel
  })
  const w = Math.ceil(2 * MARGIN + columns * CHARACTER)
  return picture(w, y + MARGIN, title, 'font-family="monospace" font-size="13"', drawn.join('\n'))
}

interface Placed {
  readonly token: string
  readonly at: number
  /** Characters. */
  readonly width: number
}

function linesOf(tokens: readonly string[]): Placed[][] {
  const lines: Placed[][] = [[]]
  let column = 0
  const begin = () => {
    lines.push([])
    column = 0
  }
  for (const [at, token] of tokens.entries()) {
    if (token === '\n' && at < tokens.length - 1) begin()
    else if (token === '\n') break
    else {
      const width = Array.from(token).length
      if (column > 0 && column + width > COLUMNS) begin()
      lines.at(-1)!.push({ token, at, width })
      column += width
    }
  }
  return lines
}

function lineOf(line: readonly Placed[], values: Float32Array, y: number): string {
  let column = 0
  const rects: string[] = []
  const places: string[] = []
  for (const { token, at, width } of line) {
    const value = values[at]!
    const colour = (value < 0 ? RED : BLUE).map((c) => Math.round(255 + (c - 255) * Math.abs(value)))
    const x = (column * CHARACTER).toFixed(1)
    rects.push(
      `<rect x="${x}" y="${(y - 14).toFixed(1)}" width="${(width * CHARACTER).toFixed(1)}" height="${LINE}" fill="rgb(${colour})"/>`,
    )
    for (const _ of token) places.push((column++ * CHARACTER).toFixed(1))
  }
  const text = escaped(line.map(({ token }) => token).join(''))
  return `${rects.join('')}<text xml:space="preserve" y="${y.toFixed(1)}" x="${places.join(' ')}">${text}</text>`
}
