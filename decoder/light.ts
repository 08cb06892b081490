/** Opacity of the dark where the model looked least. */
export const DARKNESS = 0.8

/**
 * How light each region is shown for a row of alignments, 0 to 1: the most looked at is 1, the least 0.
 * @param row one share a region.
 */
export function lightOf(row: readonly number[]): number[] {
  const least = Math.min(...row)
  const range = Math.max(...row) - least
  // The root keeps what is second brightest visible.
  return row.map((share) => (range === 0 ? 1 : Math.sqrt((share - least) / range)))
}
