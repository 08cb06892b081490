import type { Outcome } from './client.js'

/** A photo of the album and what came of it; `chosen` is the caption that the person prefers. */
export interface Entry {
  readonly file: string
  readonly result: Outcome
  readonly chosen: number
}

/** JSON lines as `showtell caption --out` writes them. */
export function jsonLines(entries: readonly Entry[]): string {
  return entries
    .map(({ file, result, chosen }) => {
      if ('error' in result) return { file, error: result.error.message }
      const { text, confidence, logProb } = result.captions[chosen]!
      const others = result.captions.filter((_, i) => i !== chosen).map((caption) => caption.text)
      return { file, caption: text, confidence, logProb, ...(others.length === 0 ? {} : { others }) }
    })
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('')
}

/** Comma-separated values of RFC 4180. */
export function commaSeparated(entries: readonly Entry[]): string {
  const rows = entries.map(({ file, result, chosen }) => {
    if ('error' in result) return [file, '', '', result.error.message]
    const { text, confidence } = result.captions[chosen]!
    return [file, text, confidence.toFixed(3), '']
  })
  return [['file', 'caption', 'confidence', 'error'], ...rows]
    .map((row) => `${row.map(quoted).join(',')}\r\n`)
    .join('')
}

function quoted(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

/** Lets the browser save a text as a file. */
export function save(name: string, type: string, text: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
