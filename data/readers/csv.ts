import { expected } from '../../errors.js'
import { gathered, ofSplit, type Reader, type Report } from './reader.js'

/** What a row says of a photo; but for the caption, what it leaves empty is undefined. */
export interface CsvRow {
  /** Where the row begins, from 1. */
  readonly line: number
  readonly file: string
  readonly caption: string
  readonly split: string | undefined
  /** As written, but for a decimal comma, which is a point here. */
  readonly confidence: string | undefined
  readonly error: string | undefined
}

/**
 * Values between commas, or what spreadsheets write in their place, whose first line names the columns `file` (or `image`)
 * and `caption`, and perhaps `split`.
 */
export const csv: Reader = {
  title: 'CSV with the columns file (or image) and caption',
  recognises: ({ text }) => isCsv(text),

  async read({ path, text }, split, report) {
    function* entries() {
      for (const { caption, ...row } of csvRows(text, path, report)) yield { ...row, captions: [caption] }
    }
    return ofSplit(gathered(entries(), path, report), split, path)
  },
}

/** Spreadsheets put semicolons between columns where decimals have a comma, and tabs into what they save as text. */
const SEPARATORS = [',', ';', '\t'] as const

/** Whether the first line names the columns. */
export function isCsv(text: string): boolean {
  return separatorOf(text) !== undefined
}

/** The one by which the first line has both columns; none of what begins as JSON, whose strings may have any. */
function separatorOf(text: string): (typeof SEPARATORS)[number] | undefined {
  const [titles = ''] = /^\s*[^\s{[].*/.exec(text) ?? []
  return SEPARATORS.find((separator) => {
    const names = titles.split(separator).map(nameOf)
    return names.includes('file') && names.includes('caption')
  })
}

/**
 * The rows below the first line, whatever the order of the columns; of others than those of `CsvRow` nothing is read.
 * @param report takes rows without a photo and those with more or fewer columns than the first line, which are left out
 * @throws ShowtellError INVALID_DATA for a first line without the columns, and for quotes that are not closed, by line and column.
 */
export function* csvRows(text: string, path: string, report: Report): Generator<CsvRow> {
  const rows = rowsOf(text, path)
  const titles: readonly string[] = rows.next().value?.fields ?? []
  const names = titles.map(nameOf)
  if (['file', 'caption'].some((name) => names.filter((other) => other === name).length !== 1))
    throw expected(
      'one column file (or image) and one column caption',
      `the first line of ${path}`,
      titles,
      'INVALID_DATA',
    )
  for (const { line, fields } of rows) {
    const where = `${path}:${line}`
    const said = (name: string): string | undefined => fields[names.indexOf(name)] || undefined
    const file = said('file')
    if (fields.length !== names.length)
      report(expected(`${names.length} columns, as the first line has,`, where, fields, 'INVALID_DATA'))
    else if (file === undefined)
      report(expected('the name of a photo', `column file of ${where}`, '', 'INVALID_DATA'))
    else
      yield {
        line,
        file,
        caption: said('caption') ?? '',
        split: said('split'),
        confidence: said('confidence')?.replace(',', '.'),
        error: said('error'),
      }
  }
}

/** How we call the column of such a title. */
function nameOf(title: string): string {
  const name = title.replaceAll('"', '').trim().toLowerCase()
  return name === 'image' ? 'file' : name
}

/** A field, within quotes or without, and what ends it, for commas. Blanks around it do not count. */
const FIELD = / *(?:"(?<quoted>[^"]*(?:""[^"]*)*)" *|(?! *")(?<plain>[^,\n]*))(?<end>,|\r?\n|$)/

/**
 * The rows of RFC 4180 that hold something. csv-parse would do but for three things: it is not for browsers, counts a
 * line break of two characters within quotes twice, and says of a quote that is not closed where the file ends.
 */
function* rowsOf(text: string, path: string): Generator<{ line: number; fields: readonly string[] }> {
  const separator = separatorOf(text) ?? ','
  const field = new RegExp(FIELD.source.replaceAll(',', separator), 'y')
  let fields: string[] = []
  let [first, line] = [1, 1]
  while (true) {
    const from = field.lastIndex
    const found = field.exec(text)
    if (found === null)
      throw expected(
        'a field whose quotes are doubled or around all of it',
        `column ${fields.length + 1} of ${path}:${line}`,
        text.slice(from),
        'INVALID_DATA',
      )
    const { quoted, plain = '', end = '' } = found.groups ?? {}
    fields.push(quoted?.replaceAll('""', '"') ?? plain.trimEnd())
    line += found[0].split('\n').length - 1
    if (end === separator) continue
    if (fields.length > 1 || fields[0] !== '') yield { line: first, fields }
    if (end === '') return
    first = line
    fields = []
  }
}
