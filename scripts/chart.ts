import { escaped, picture } from '../metrics/svg.js'

export interface Curve {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly dashed?: boolean
}

/** A panel with curves over a common pair of axes. */
export interface Chart {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly curves: readonly Curve[]
  /** Powers of ten at equal distances; what is not above 0 is left out. */
  readonly logarithmic?: boolean
  /** Lowest and highest y that is shown; all when absent. What lies beyond is cut off. */
  readonly range?: readonly [low: number, high: number]
}

/** Told apart by colour-blind people too (Okabe and Ito 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']
const [WIDTH, HEIGHT] = [470, 260]
/** Where the axes are within a panel; the names of the curves stand to the right. */
const [LEFT, TOP, RIGHT, BOTTOM] = [58, 30, 330, 218]

/** Charts side by side and below each other, as one SVG that needs nothing else. */
export function drawCharts(charts: readonly Chart[], columns = 2): string {
  const across = Math.min(columns, charts.length)
  const [width, height] = [across * WIDTH, Math.ceil(charts.length / across) * HEIGHT]
  const panels = charts.map((chart, i) => {
    const place = `translate(${(i % across) * WIDTH} ${Math.floor(i / across) * HEIGHT})`
    return `<g transform="${place}">${panel(chart, `plot${i}`)}</g>`
  })
  const title = charts.map((chart) => chart.title).join('; ')
  return picture(width, height, title, 'font-family="sans-serif" font-size="11"', panels.join('\n'))
}

function panel({ title, x, y, curves, logarithmic = false, range }: Chart, clip: string): string {
  const shown = curves.map((curve) => ({
    ...curve,
    points: curve.points.filter(([, value]) => Number.isFinite(value) && (!logarithmic || value > 0)),
  }))
  const all = shown.flatMap(({ points }) => points)
  const scaled = logarithmic ? Math.log10 : (value: number) => value
  const xs = spanOf(all.map(([value]) => value))
  const ys = range === undefined ? spanOf(all.map(([, value]) => scaled(value))) : spanOf(range.map(scaled))
  const across = (value: number) => LEFT + ((RIGHT - LEFT) * (value - xs[0])) / (xs[1] - xs[0])
  const up = (value: number) => BOTTOM - ((BOTTOM - TOP) * (value - ys[0])) / (ys[1] - ys[0])
  const box = `x="${LEFT}" y="${TOP}" width="${RIGHT - LEFT}" height="${BOTTOM - TOP}"`
  const tick = (value: number) =>
    logarithmic ? (value === 0 ? '1' : `1e${value}`) : String(Number(value.toPrecision(6)))
  return [
    `<title>${escaped(title)}</title>`,
    `<text x="${LEFT}" y="18" font-weight="bold" font-size="12">${escaped(title)}</text>`,
    ...ticks(ys, logarithmic ? 1 : 0).map((value) => {
      const at = up(value).toFixed(1)
      return `<path d="M${LEFT} ${at}H${RIGHT}" stroke="#ddd"/><text x="${LEFT - 5}" y="${at}" dy="4" text-anchor="end">${tick(value)}</text>`
    }),
    ...ticks(xs, 0).map((value) => {
      const at = across(value).toFixed(1)
      return `<text x="${at}" y="${BOTTOM + 14}" text-anchor="middle">${Number(value.toPrecision(6))}</text>`
    }),
    `<text x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 30}" text-anchor="middle">${escaped(x)}</text>`,
    `<text transform="translate(14 ${(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
    `<clipPath id="${clip}"><rect ${box}/></clipPath>`,
    `<rect ${box} fill="none" stroke="#888"/>`,
    ...shown.map(({ name, points, dashed }, i) => {
      const colour = COLOURS[i % COLOURS.length]
      const stroke = `fill="none" stroke="${colour}" stroke-width="1.8"${dashed ? ' stroke-dasharray="5 3"' : ''}`
      const places = points.map(([px, py]) => [across(px).toFixed(1), up(scaled(py)).toFixed(1)] as const)
      const inside = `clip-path="url(#${clip})"`
      // A line through one point has no length.
      const dots = places.length === 1 ? places : []
      const dot = dots.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}" ${inside}/>`)
      const at = TOP + 8 + 16 * i
      return `<polyline points="${places.join(' ')}" ${stroke} ${inside}/>${dot.join('')}<path d="M${RIGHT + 8} ${at}h16" ${stroke}/><text x="${RIGHT + 28}" y="${at + 4}">${escaped(name)}</text>`
    }),
  ].join('')
}

/** From the smallest to the largest, never empty. */
function spanOf(values: readonly number[]): readonly [number, number] {
  const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY)
  const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
  if (low > high) return [0, 1]
  return low === high ? [low - 0.5, high + 0.5] : [low, high]
}

/** About five round numbers within a span, at least `least` apart. */
function ticks([low, high]: readonly [number, number], least: number): number[] {
  const rough = Math.max((high - low) / 5, least)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10)
  const first = Math.ceil(low / step - 1e-9)
  const count = Math.floor(high / step + 1e-9) - first + 1
  return Array.from({ length: count }, (_, i) => (first + i) * step)
}
