import { escaped, picture } from '../metrics/svg.js'

/** A target, and how much each of its characters looked at each of the source's, rows summing to 1. */
export interface Alignment {
  readonly source: readonly string[]
  readonly target: readonly string[]
  readonly rows: readonly ArrayLike<number>[]
}

const SHADES = [' ', '·', '░', '▒', '▓', '█']

/** The matrix as text: a line a character of the target, a column a character of the source, darker for more. */
export function alignmentText({ source, target, rows }: Alignment): string {
  const lines = target.map((character, i) => {
    const shades = Array.from(rows[i]!, (share) => SHADES[Math.min(SHADES.length - 1, Math.round(6 * share))])
    return `${character} │${shades.join('')}│`
  })
  return [`   ${source.join('')}`, ...lines].join('\n')
}

const [CELL, MARGIN] = [18, 24]

/** Matrices below each other as an SVG that needs nothing else, as figure 3 of Bahdanau et al. 2015: darker for more. */
export function alignmentPicture(alignments: readonly Alignment[]): string {
  const heights = alignments.map(({ target }) => (target.length + 2) * CELL)
  const width = 2 * MARGIN + CELL * Math.max(1, ...alignments.map(({ source }) => source.length))
  let y = MARGIN
  const panels = alignments.map((alignment, i) => {
    const panel = `<g transform="translate(${MARGIN} ${y})">${matrix(alignment)}</g>`
    y += heights[i]!
    return panel
  })
  const title = 'Alignments: where each character of a target looked in its source'
  const style = 'font-family="monospace" font-size="14" text-anchor="middle"'
  return picture(width, y, title, style, panels.join('\n'))
}

function matrix({ source, target, rows }: Alignment): string {
  const letters = [
    ...source.map((character, i) => `<text x="${(i + 0.5) * CELL}" y="-4">${escaped(character)}</text>`),
    ...target.map(
      (character, i) => `<text x="-10" y="${(i + 0.5) * CELL}" dy="5">${escaped(character)}</text>`,
    ),
  ]
  const cells = rows.flatMap((row, y) =>
    Array.from(row, (share, x) => {
      const grey = Math.round(255 * (1 - share))
      return `<rect x="${x * CELL}" y="${y * CELL}" width="${CELL}" height="${CELL}" fill="rgb(${grey},${grey},${grey})" stroke="#ddd"/>`
    }),
  )
  const title = `<title>${escaped(`${source.join('')} → ${target.join('')}`)}</title>`
  return [title, ...letters, ...cells].join('')
}
