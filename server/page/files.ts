import { type CaptionLine, captionLine, commaSeparated } from '../../data/caption-lines.js'
import type { Outcome } from './client.js'

/** A photo of the album and what came of it; `chosen` is the caption that the person prefers. */
export interface Entry {
  readonly file: string
  readonly result: Outcome
  readonly chosen: number
}

/** What a download says of each photo, the chosen caption before the others. */
export function linesOf(entries: readonly Entry[]): CaptionLine[] {
  return entries.map(({ file, result, chosen }) => {
    if ('error' in result) return { file, error: result.error.message }
    const { captions, model } = result
    const ordered = [captions[chosen]!, ...captions.filter((_, i) => i !== chosen)]
    return captionLine(file, ordered, model?.calibrated !== false)
  })
}

/** How a field begins that spreadsheets take for a formula, within quotes too (CWE-1236). */
const FORMULA = /^[=+\-@\t\r]/

/** Without it Excel takes UTF-8 for the code page of its system. */
const BYTE_ORDER_MARK = '\uFEFF'

/** The album as comma-separated values for a spreadsheet, with an apostrophe before names that it would work out. */
export function csvOf(entries: readonly Entry[]): string {
  const lines = linesOf(entries).map((line) => ({ ...line, file: line.file.replace(FORMULA, "'$&") }))
  return BYTE_ORDER_MARK + commaSeparated(lines)
}

/** Lets the browser save a text as a file. */
export function save(name: string, type: string, text: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
