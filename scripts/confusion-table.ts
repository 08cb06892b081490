import { aligned } from '../metrics/report-rows.js'

/**
 * How many texts of each label (a line) were given which label (a column), the share of each that got its own, and
 * beside the share of all the one that is to be had without reading.
 */
export function confusionTable(labels: readonly string[], counts: readonly (readonly number[])[]): string {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const sizes = counts.map(sum)
  const total = sum(sizes)
  const share = (part: number, whole: number): string =>
    whole === 0 ? '–' : `${((100 * part) / whole).toFixed(2)} %`
  const rows = [
    ['is \\ said', ...labels, 'right'],
    ...labels.map((label, i) => [label, ...counts[i]!.map(String), share(counts[i]![i]!, sizes[i]!)]),
  ]
  const right = sum(labels.map((_, i) => counts[i]![i]!))
  return `${aligned(rows)}${right} of ${total} right (${share(right, total)}); always the commonest label: ${share(Math.max(...sizes), total)}\n`
}
