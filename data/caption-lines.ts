/** A photo with its captions, or why it has none: a line of the JSON lines that the command and the page write. */
export interface CaptionLine {
  readonly file: string
  readonly caption?: string
  readonly confidence?: number
  readonly logProb?: number
  readonly others?: readonly string[]
  readonly error?: string
}

interface Said {
  readonly text: string
  readonly confidence: number
  readonly logProb: number
}

/**
 * @param captions the one that counts first; at least one.
 * @param calibrated whether their confidences mean something; they are left out otherwise.
 */
export function captionLine(file: string, captions: readonly Said[], calibrated: boolean): CaptionLine {
  const [best, ...others] = captions
  return {
    file,
    caption: best!.text,
    ...(calibrated ? { confidence: round(best!.confidence) } : {}),
    logProb: round(best!.logProb),
    ...(others.length === 0 ? {} : { others: others.map(({ text }) => text) }),
  }
}

export function jsonLines(lines: readonly CaptionLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** Comma-separated values of RFC 4180, a row a photo. */
export function commaSeparated(lines: readonly CaptionLine[]): string {
  const field = (value: string | number | undefined): string =>
    `"${String(value ?? '').replaceAll('"', '""')}"`
  const rows = lines.map(({ file, caption, confidence, error }) =>
    [file, caption, confidence, error].map(field).join(','),
  )
  return `${['file,caption,confidence,error', ...rows].join('\r\n')}\r\n`
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4
}
