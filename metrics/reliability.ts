import type { Calibration } from './calibration.js'
import { picture } from './svg.js'

const [WIDTH, HEIGHT] = [300, 300]
/** Where the axes are. */
const [LEFT, TOP, SIDE] = [46, 22, 236]

/**
 * Reliability diagram (Guo et al. 2017, section 2): of the captions of each tenth of confidence how many are right, as
 * an SVG that needs nothing else. Bars that end at their dot, the mean confidence, mean what they say; the number in a
 * bar is that of its captions.
 */
export function reliabilityDiagram({ captions, error, auroc, bins }: Calibration): string {
  const x = (value: number): string => (LEFT + SIDE * value).toFixed(1)
  const y = (value: number): string => (TOP + SIDE * (1 - value)).toFixed(1)
  const width = SIDE / bins.length
  const bars = bins.map((bin, i) => {
    if (bin.captions === 0) return ''
    const middle = (LEFT + (i + 0.5) * width).toFixed(1)
    return [
      `<rect x="${(LEFT + (i + 0.05) * width).toFixed(1)}" y="${y(bin.right)}" width="${(width * 0.9).toFixed(1)}" height="${(SIDE * bin.right).toFixed(1)}" fill="#47a"/>`,
      `<circle cx="${x(bin.confidence)}" cy="${y(bin.confidence)}" r="2.5" fill="#d55e00"/>`,
      `<text x="${middle}" y="${TOP + SIDE - 5}" text-anchor="middle" fill="${bin.right < 0.05 ? '#333' : '#fff'}">${bin.captions}</text>`,
    ].join('')
  })
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1].map(
    (value) =>
      `<text x="${x(value)}" y="${TOP + SIDE + 14}" text-anchor="middle">${value}</text><text x="${LEFT - 5}" y="${y(value)}" dy="3" text-anchor="end">${value}</text>`,
  )
  const told = `${captions} captions, expected calibration error ${error.toFixed(3)}, AUROC ${auroc.toFixed(3)}`
  const style = 'font-family="sans-serif" font-size="9" fill="#333" role="img"'
  const body = `<rect x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" fill="none" stroke="#888"/>
${bars.join('')}<path d="M${x(0)} ${y(0)}L${x(1)} ${y(1)}" stroke="#888" stroke-dasharray="4 3"/>
${ticks.join('')}
<text x="${LEFT + SIDE / 2}" y="14" text-anchor="middle" font-size="8">${told}</text>
<text x="${LEFT + SIDE / 2}" y="${TOP + SIDE + 30}" text-anchor="middle">confidence</text>
<text transform="translate(12 ${TOP + SIDE / 2}) rotate(-90)" text-anchor="middle">share of captions that are right</text>`
  return picture(WIDTH, HEIGHT, told, style, body)
}
