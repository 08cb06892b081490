import { expected, ShowtellError } from '../errors.js'
import { coco } from './readers/coco.js'
import { csv } from './readers/csv.js'
import { flickr8k } from './readers/flickr8k.js'
import { jsonl } from './readers/jsonl.js'
import { karpathy } from './readers/karpathy.js'
import { jsonOf, numberedLines, type Reader, type Source } from './readers/reader.js'
import { readText } from './text-file.js'

/** A photo with what people wrote about it. */
export interface CaptionedImage {
  /** Unique within its file: the COCO number without leading zeros, or the file name without folder and ending, whole where a photo before has that. */
  readonly id: string
  /** As the caption file names it. */
  readonly file: string
  /** As written, without outer white space; never empty, each with at least one letter or digit. */
  readonly captions: readonly string[]
  readonly split?: string
}

/** The formats of caption files, in the order in which they are recognised. */
export const READERS = Object.freeze({ coco, karpathy, flickr8k, csv, jsonl }) satisfies Readonly<
  Record<string, Reader>
>
export type CaptionFormat = keyof typeof READERS

export interface ReadCaptionsOptions {
  /** Recognised from the content when absent. */
  readonly format?: CaptionFormat | undefined
  /** Only the photos of this split. */
  readonly split?: string | undefined
  /**
   * Takes every entry that cannot be used (broken, doubled, empty), and reading goes on without it.
   * When absent, any such entry fails the whole reading.
   */
  readonly onProblem?: (problem: ShowtellError) => void
}

/**
 * Reads a file of captions, gzipped or not, photos in the order of the file.
 *
 * @throws ShowtellError NOT_FOUND for a missing file or split list, INVALID_ARGUMENT for a split the file has not,
 *   INVALID_DATA for an unknown format or broken JSON, for no photo at all, and, without `onProblem`, for entries that cannot be
 *   used, named by file and line (or position in the JSON document).
 */
export async function readCaptions(
  path: string,
  options: ReadCaptionsOptions = {},
): Promise<CaptionedImage[]> {
  const source = await readSource(path)
  const reader = options.format === undefined ? recognise(source) : READERS[options.format]
  const problems: ShowtellError[] = []
  const report = options.onProblem ?? ((problem) => problems.push(problem))
  const images = await reader.read(source, options.split, report)
  if (problems.length > 0) throw combined(problems)
  if (images.length === 0) throw expected('photos with captions', path, 'none', 'INVALID_DATA')
  return images
}

async function readSource(path: string): Promise<Source> {
  const text = await readText(path, 'captions')
  if (!/^\s*\{/.test(text)) return { path, text, json: undefined }
  try {
    return { path, text, json: jsonOf(text, path) }
  } catch (fault) {
    // JSON lines begin like this too; the readers decide.
    return { path, text, json: undefined, ...(isJsonLines(text) ? {} : { fault: fault as ShowtellError }) }
  }
}

function isJsonLines(text: string): boolean {
  const [[, first] = [0, '']] = numberedLines(text)
  try {
    return JSON.parse(first) instanceof Object
  } catch {
    return false
  }
}

function recognise(source: Source): Reader {
  for (const reader of Object.values(READERS)) if (reader.recognises(source)) return reader
  if (source.fault !== undefined) throw source.fault
  const titles = Object.values(READERS).map((reader) => reader.title)
  throw expected(`one of ${titles.join(', ')}`, source.path, source.text.slice(0, 100), 'INVALID_DATA')
}

/** One error for all problems: the first few in words, the rest counted. */
function combined(problems: readonly ShowtellError[]): ShowtellError {
  const [first] = problems
  if (first !== undefined && problems.length === 1) return first
  const shown = problems.slice(0, 5).map((problem) => problem.message)
  const more = problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : []
  return new ShowtellError('INVALID_DATA', `${problems.length} problems: ${[...shown, ...more].join('; ')}`, {
    where: first?.where,
  })
}
