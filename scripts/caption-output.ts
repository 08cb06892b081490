import { createHash } from 'node:crypto'
import { existsSync, fstatSync } from 'node:fs'
import { readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'
import type { CaptionLine } from '../data/caption-lines.js'
import { lockForWriting } from '../data/lock.js'
import { fileSum, readJson } from '../engine/folder.js'
import { expected, ShowtellError } from '../errors.js'
import { type CaptionFormat, FORMATS } from './caption-formats.js'
import { lineOf, type Output, openStream, refusing, STDOUT, throughStream } from './caption-stream.js'
import { makePlace, writeWhole } from './whole-file.js'

/** What decides how an output comes out: bundle and options, by name. */
export interface Run {
  readonly [option: string]: unknown
  /** The absolute path of the folder that relative names of photos begin in, where there are some. */
  readonly folder?: string | undefined
}

/**
 * A file that may be interrupted at any moment and gone on with: a photo is done when its line is whole and has a
 * caption; one that has an error is tried again. The record beside it, `….run.json`, says which run made it, so that no
 * file holds the captions of two kinds of run. A pipe or a terminal, or what the standard output is, which `-` is too, is
 * written to and no more.
 * @param overwrite begin anew whatever is there.
 * @param calibrated whether the confidences of the captioner mean something; they are left out otherwise.
 * @throws ShowtellError INVALID_ARGUMENT where another run made it, where its record or its lines are gone and where what was
 *   made of its lines was changed since, INVALID_DATA for a record or a line that is no JSON object, and while another
 *   process writes it.
 */
export async function openOutput(
  path: string,
  format: CaptionFormat,
  run: Run,
  overwrite: boolean,
  calibrated: boolean,
): Promise<Output> {
  if (path === '-' || (await isStdout(path))) return throughStream(STDOUT, format, calibrated)
  await makePlace(path)
  if (await isStream(path)) return throughStream(await openStream(path), format, calibrated)
  const release = lockForWriting(path, `${path}.lock`)
  try {
    const output = await openFile(path, format, run, overwrite, calibrated)
    return { ...output, close: () => output.close().finally(release) }
  } catch (error) {
    release()
    throw error
  }
}

/** What is said where work ends too early, of an output that is kept. */
export function goesOn(overwrite = false): string {
  return `; the same command${overwrite ? ' without --overwrite' : ''} goes on`
}

/** Whether a path is whatever the standard output is, as /dev/stdout. */
async function isStdout(path: string): Promise<boolean> {
  const there = await stat(path).catch(() => undefined)
  const { dev, ino } = fstatSync(process.stdout.fd)
  return there?.dev === dev && there.ino === ino
}

/** Whether nothing can be read back from a path. */
async function isStream(path: string): Promise<boolean> {
  const there = await stat(path).catch(() => undefined)
  return there !== undefined && !there.isFile()
}

async function openFile(
  path: string,
  format: CaptionFormat,
  run: Run,
  overwrite: boolean,
  calibrated: boolean,
): Promise<Output> {
  // The other formats are whole or nothing: their lines are gathered beside them first, and stay there for photos that
  // come later.
  const gathered = format === 'jsonl' ? path : `${path}.lines`
  if (overwrite) await writeFile(gathered, '')
  // What is given by absolute paths now may have had others before.
  const folder = (overwrite ? undefined : await checkSame(path, gathered, run)) ?? run.folder
  const there = gathered === path ? undefined : await sumsOf(path)
  const record = (written: readonly string[] | undefined): Promise<void> =>
    writeWhole(recordOf(path), `${JSON.stringify({ ...run, folder, written }, null, 2)}\n`)
  await record(there)
  const writtenAt = (await stat(gathered).catch(() => undefined))?.mtimeMs
  const { done, failed } = await linesOf(gathered, folder)
  // Or photos that came since would be told as newer once and never again. The file of another user keeps its own time.
  const asWritten = async (): Promise<void> => {
    if (writtenAt !== undefined) await utimes(gathered, Date.now() / 1000, writtenAt / 1000).catch(() => {})
  }
  await asWritten()
  const lines = new Map([...failed, ...done])
  const again = goesOn(overwrite)
  const out = await openStream(gathered, again)
  let isLonger = false
  return {
    isDone: (file) => done.has(resolve(file)),
    othersThan(files) {
      const given = new Set(files.map((file) => resolve(file)))
      return [...done].flatMap(([path, { file }]) => (given.has(path) ? [] : [String(file)]))
    },
    writtenAt,
    isKept: true,
    isSeen: false,
    async write(file, result) {
      const line = lineOf(file, result, calibrated)
      await out.appendFile(FORMATS.jsonl([line]))
      lines.set(resolve(file), line)
      failed.delete(resolve(file))
      isLonger ||= line.error === undefined
    },
    async finish(files) {
      if (there === undefined) return
      // Or what a person changed meanwhile would be gone.
      await checkUnchanged(path, there)
      const mine = new Set(files.map((file) => resolve(file)))
      const others = [...lines].flatMap(([file, line]) => (mine.has(file) ? [] : [line]))
      const tried = [...mine].flatMap((file) => lines.get(file) ?? [])
      const text = FORMATS[format]([...tried, ...others])
      // A kill may come before or after the file has this sum.
      await record([...there, createHash('sha256').update(text).digest('hex')])
        .then(() => writeWhole(path, text))
        .catch(refusing(path, again))
    },
    // Those that failed before were taken out to be tried again, which this run may not have come to.
    async close() {
      await out.appendFile(FORMATS.jsonl([...failed.values()])).finally(() => out.close())
      if (!isLonger) await asWritten()
    },
  }
}

/** `written` are the sums that what is made of the lines may have; absent in records of before, and where they are it. */
const recordSchema = z.looseObject({
  folder: z.string().optional(),
  written: z.array(z.string()).optional(),
})

function recordOf(path: string): string {
  return `${path}.run.json`
}

/** The sum of a file, none where it is empty or not there. */
async function sumsOf(path: string): Promise<readonly string[]> {
  const { size } = await stat(path).catch(() => ({ size: 0 }))
  return size === 0 ? [] : [await fileSum(path)]
}

function refused(wanted: string, received: string): ShowtellError {
  return new ShowtellError(
    'INVALID_ARGUMENT',
    `Expected a new file, --overwrite or ${wanted} for --output but received ${received}`,
    { where: '--output' },
  )
}

/** @param written the sums that it may have, any where absent. @throws ShowtellError INVALID_ARGUMENT where it has another. */
async function checkUnchanged(path: string, written: readonly string[] | undefined): Promise<void> {
  const [sum] = await sumsOf(path)
  if (sum !== undefined && written?.includes(sum) === false)
    throw refused(`${path} as it was written`, 'one that was changed since; rename it to keep it')
}

/** @returns the folder that the names in it begin in, where the record has one. */
async function checkSame(path: string, gathered: string, run: Run): Promise<string | undefined> {
  const sizes = await Promise.all([path, gathered].map((file) => stat(file).catch(() => ({ size: 0 }))))
  if (sizes.every(({ size }) => size === 0)) return undefined
  const record = recordOf(path)
  if (!existsSync(record)) throw refused(`${record}, which says what made it,`, path)
  // Or the captions of other photos would be gone once these are written.
  if (!existsSync(gathered)) throw refused(`${gathered}, which has its captions,`, path)
  const { written, ...before } = await readJson(record, (value) => recordSchema.parse(value), 'INVALID_DATA')
  const now = JSON.parse(JSON.stringify(run)) as Run
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  // None where no name is relative.
  if (before.folder === undefined || now.folder === undefined) names.delete('folder')
  const other = [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]))
  const told = (run: Run): string =>
    other.map((name) => `${name} ${JSON.stringify(run[name]) ?? 'none'}`).join(', ')
  if (other.length > 0) throw refused(`what ${path} was begun with (${told(before)})`, told(now))
  await checkUnchanged(path, written)
  return before.folder
}

type Lines = Map<string, CaptionLine>

/**
 * The lines of photos that are done, by absolute path, and of those that failed. The latter are taken out of the file, to
 * be tried again, and for good where the photo is gone.
 * @param folder where relative names begin; the working folder when absent.
 */
async function linesOf(path: string, folder = ''): Promise<{ done: Lines; failed: Lines }> {
  if (!existsSync(path)) return { done: new Map(), failed: new Map() }
  const text = await readFile(path, 'utf8')
  const texts = text.split('\n')
  const all = texts.flatMap((text, i): [string, CaptionLine][] => {
    try {
      const line = JSON.parse(text) as CaptionLine
      return [[resolve(folder, String(line.file)), line]]
    } catch {
      // Nothing, or half a line of a process that was killed. Some editors end a file without a line break, though.
      if (i === texts.length - 1) return []
      throw expected('a JSON object', `${path}:${i + 1}`, text, 'INVALID_DATA')
    }
  })
  const done = all.filter(([, { error }]) => error === undefined)
  const failed = all.filter(([file, { error }]) => error !== undefined && existsSync(file))
  const kept = FORMATS.jsonl(done.map(([, line]) => line))
  if (kept !== text) await writeWhole(path, kept)
  return { done: new Map(done), failed: new Map(failed) }
}
