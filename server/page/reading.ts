/** A part of a caption: a word with its row of alignments, or what stands between two words. */
export interface Piece {
  readonly text: string
  /** Position in the list of tokens; absent for spaces and marks. */
  readonly token?: number
}

/** Cuts a caption as people read it at the tokens as the model said them. */
export function piecesOf(text: string, tokens: readonly string[]): Piece[] {
  const lower = text.toLowerCase()
  const pieces: Piece[] = []
  let at = 0
  for (const [i, token] of tokens.entries()) {
    const from = lower.indexOf(token.toLowerCase(), at)
    if (from < 0) continue
    if (from > at) pieces.push({ text: text.slice(at, from) })
    at = from + token.length
    pieces.push({ text: text.slice(from, at), token: i })
  }
  if (at < text.length) pieces.push({ text: text.slice(at) })
  return pieces
}

/** A calibrated probability in words. */
export function sureness(confidence: number): string {
  if (confidence >= 0.75) return 'Very likely right'
  if (confidence >= 0.5) return 'Likely right'
  return confidence >= 0.25 ? 'May be right' : 'May be wrong'
}

/** Where the most of a row of alignments lies, for those who cannot see it: `top left`, `the middle`, `all over`. */
export function whereLooked(row: readonly number[], [rows, columns]: readonly [number, number]): string {
  // Squared, so that a faint glow over everything does not pull the place to the middle.
  const weights = row.map((share) => share * share)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const spread = 1 / (total * row.length)
  if (spread > 0.6) return 'all over'
  const mean = (place: (region: number) => number, length: number): number =>
    length === 1 ? 0.5 : weights.reduce((sum, weight, i) => sum + weight * place(i), 0) / total / (length - 1)
  const third = (value: number): number => Math.min(2, Math.floor(value * 3))
  const vertical = ['top', '', 'bottom'][third(mean((i) => Math.floor(i / columns), rows))]!
  const horizontal = ['left', '', 'right'][third(mean((i) => i % columns, columns))]!
  return [vertical, horizontal].filter(Boolean).join(' ') || 'the middle'
}
