import { existsSync, fstatSync } from 'node:fs'
import { open, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'
import { type CaptionLine, captionLine } from '../data/caption-lines.js'
import { lockForWriting } from '../data/lock.js'
import type { CaptionedPhoto } from '../decoder/types.js'
import { readJson } from '../engine/folder.js'
import { expected, ShowtellError } from '../errors.js'
import { type CaptionFormat, FORMATS } from './caption-formats.js'
import { makePlace, writeWhole } from './whole-file.js'

/** Where captions go. */
export interface Output {
  /** Whether a run before has captioned a photo, however it is given now. */
  isDone(file: string): boolean
  /** The photos that a run before has captioned and that are none of `files`, as it was given them. */
  othersThan(files: readonly string[]): readonly string[]
  /** When a run before last wrote a caption to it, in milliseconds. */
  readonly writtenAt?: number | undefined
  /** Whether the same command can go on with it. */
  readonly isKept: boolean
  write(file: string, result: CaptionedPhoto | Error): Promise<void>
  /** Called once all of `files` were tried. What other photos had before stays, after theirs. */
  finish(files: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** The standard output: a line a caption. */
export const SCREEN: Output = {
  isDone: () => false,
  othersThan: () => [],
  isKept: false,
  async write(file, result) {
    if (result instanceof Error) return
    for (const { text, confidence } of result.captions)
      process.stdout.write(`${file}\t${text}\t${confidence.toFixed(2)}\n`)
  },
  finish: async () => {},
  close: async () => {},
}

/** Has a command go on when whoever reads its standard output has had enough, as `head` has, which would end it. */
export function outliveReader(): void {
  const listeners = process.stdout.listeners('error')
  process.stdout.removeAllListeners('error').on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') for (const listener of listeners) listener(error)
  })
}

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
 * @throws ShowtellError INVALID_ARGUMENT where another run made it or its record or its lines are gone, INVALID_DATA for a
 *   record or a line that is no JSON object, and while another process writes it.
 */
export async function openOutput(
  path: string,
  format: CaptionFormat,
  run: Run,
  overwrite: boolean,
): Promise<Output> {
  if (path === '-' || (await isStdout(path))) return throughStream(STDOUT, format)
  await makePlace(path)
  if (await isStream(path)) return throughStream(await openStream(path), format)
  const release = lockForWriting(path, `${path}.lock`)
  try {
    const output = await openFile(path, format, run, overwrite)
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

/** As much of an open file as a stream has. */
interface Stream {
  appendFile(text: string): Promise<void>
  close(): Promise<void>
}

/** Opens a file to append to. @param again what is said after what the system refuses, which names no file by itself. */
async function openStream(path: string, again = ''): Promise<Stream> {
  const out = await open(path, 'a')
  return {
    appendFile: (text) => out.appendFile(text).catch(refusing(path, again)),
    close: () => out.close(),
  }
}

/** @throws ShowtellError INTERNAL for what the system refused, a full disk mostly; EPIPE, which is no failure, as it is. */
function refusing(path: string, again: string) {
  return (cause: NodeJS.ErrnoException): never => {
    if (cause.code === 'EPIPE') throw cause
    throw new ShowtellError('INTERNAL', `Expected to write ${path} but ${cause.message}${again}`, {
      where: path,
      cause,
    })
  }
}

/** Not by a path, which not every system has of it. */
const STDOUT: Stream = {
  async appendFile(text) {
    process.stdout.write(text)
  },
  close: async () => {},
}

function throughStream(out: Stream, format: CaptionFormat): Output {
  const lines = new Map<string, CaptionLine>()
  return {
    isDone: () => false,
    othersThan: () => [],
    isKept: false,
    async write(file, result) {
      const line = lineOf(file, result)
      if (format === 'jsonl') await out.appendFile(FORMATS.jsonl([line]))
      else lines.set(file, line)
    },
    async finish(files) {
      if (format !== 'jsonl') await out.appendFile(FORMATS[format](files.map((file) => lines.get(file)!)))
    },
    close: () => out.close(),
  }
}

async function openFile(path: string, format: CaptionFormat, run: Run, overwrite: boolean): Promise<Output> {
  // The other formats are whole or nothing: their lines are gathered beside them first, and stay there for photos that
  // come later.
  const gathered = format === 'jsonl' ? path : `${path}.lines`
  if (overwrite) await writeFile(gathered, '')
  // What is given by absolute paths now may have had others before.
  const folder = (overwrite ? undefined : await checkSame(path, gathered, run)) ?? run.folder
  await writeWhole(recordOf(path), `${JSON.stringify({ ...run, folder }, null, 2)}\n`)
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
    async write(file, result) {
      const line = lineOf(file, result)
      await out.appendFile(FORMATS.jsonl([line]))
      lines.set(resolve(file), line)
      failed.delete(resolve(file))
      isLonger ||= line.error === undefined
    },
    async finish(files) {
      if (gathered === path) return
      const mine = new Set(files.map((file) => resolve(file)))
      const others = [...lines].flatMap(([file, line]) => (mine.has(file) ? [] : [line]))
      const tried = [...mine].flatMap((file) => lines.get(file) ?? [])
      await writeWhole(path, FORMATS[format]([...tried, ...others])).catch(refusing(path, again))
    },
    // Those that failed before were taken out to be tried again, which this run may not have come to.
    async close() {
      await out.appendFile(FORMATS.jsonl([...failed.values()])).finally(() => out.close())
      if (!isLonger) await asWritten()
    },
  }
}

function lineOf(file: string, result: CaptionedPhoto | Error): CaptionLine {
  return result instanceof Error ? { file, error: result.message } : captionLine(file, result.captions)
}

const recordSchema = z.looseObject({ folder: z.string().optional() })

function recordOf(path: string): string {
  return `${path}.run.json`
}

/** @returns the folder that the names in it begin in, where the record has one. */
async function checkSame(path: string, gathered: string, run: Run): Promise<string | undefined> {
  const sizes = await Promise.all([path, gathered].map((file) => stat(file).catch(() => ({ size: 0 }))))
  if (sizes.every(({ size }) => size === 0)) return undefined
  const refuse = (wanted: string, received: string): never => {
    throw new ShowtellError(
      'INVALID_ARGUMENT',
      `Expected a new file, --overwrite or ${wanted} for --output but received ${received}`,
      { where: '--output' },
    )
  }
  const record = recordOf(path)
  if (!existsSync(record)) refuse(`${record}, which says what made it,`, path)
  // Or the captions of other photos would be gone once these are written.
  if (!existsSync(gathered)) refuse(`${gathered}, which has its captions,`, path)
  const before: Run = await readJson(record, (value) => recordSchema.parse(value), 'INVALID_DATA')
  const now = JSON.parse(JSON.stringify(run)) as Run
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  // None where no name is relative.
  if (before.folder === undefined || now.folder === undefined) names.delete('folder')
  const other = [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]))
  const told = (run: Run): string =>
    other.map((name) => `${name} ${JSON.stringify(run[name]) ?? 'none'}`).join(', ')
  if (other.length > 0) refuse(`what ${path} was begun with (${told(before)})`, told(now))
  return before.folder
}

type Lines = Map<string, CaptionLine>

/**
 * The lines of photos that are done, by absolute path, and of those that failed. The latter are taken out of the file,
 * and a last line that a killed process left half written is cut off.
 * @param folder where relative names begin; the working folder when absent.
 */
async function linesOf(path: string, folder = ''): Promise<{ done: Lines; failed: Lines }> {
  if (!existsSync(path)) return { done: new Map(), failed: new Map() }
  const text = await readFile(path, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  const texts = whole.split('\n').slice(0, -1)
  const all = texts.map((text, i): [string, CaptionLine] => {
    try {
      const line = JSON.parse(text) as CaptionLine
      return [resolve(folder, String(line.file)), line]
    } catch {
      throw expected('a JSON object', `${path}:${i + 1}`, text, 'INVALID_DATA')
    }
  })
  const done = all.filter(([, { error }]) => error === undefined)
  const failed = all.filter(([, { error }]) => error !== undefined)
  if (failed.length > 0) await writeWhole(path, FORMATS.jsonl(done.map(([, line]) => line)))
  else if (whole !== text) await truncate(path, Buffer.byteLength(whole))
  return { done: new Map(done), failed: new Map(failed) }
}
