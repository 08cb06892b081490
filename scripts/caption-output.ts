import { existsSync } from 'node:fs'
import { open, readFile, rm, stat, truncate } from 'node:fs/promises'
import { z } from 'zod'
import { type CaptionLine, captionLine } from '../data/caption-lines.js'
import type { CaptionedPhoto } from '../decoder/types.js'
import { readJson } from '../engine/folder.js'
import { expected, ShowtellError } from '../errors.js'
import { type CaptionFormat, FORMATS } from './caption-formats.js'
import { writeWhole } from './whole-file.js'

/** Where captions go. */
export interface Output {
  /** The photos that a run before has done, by file. */
  readonly done: ReadonlyMap<string, CaptionLine>
  write(file: string, result: CaptionedPhoto | Error): Promise<void>
  /** Called once all of `files` are done. */
  finish(files: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** The standard output: a line a caption. */
export const SCREEN: Output = {
  done: new Map(),
  async write(file, result) {
    if (result instanceof Error) return
    for (const { text, confidence } of result.captions)
      process.stdout.write(`${file}\t${text}\t${confidence.toFixed(2)}\n`)
  },
  finish: async () => {},
  close: async () => {},
}

/** What decides how an output comes out: bundle and options, by name. */
export type Run = Readonly<Record<string, unknown>>

/**
 * A file that may be interrupted at any moment and gone on with: a photo is done when its line is whole. The record
 * beside it, `….run.json`, says which run made it, so that no file holds the captions of two kinds of run.
 * @param overwrite begin anew whatever is there.
 * @throws ShowtellError INVALID_ARGUMENT where another run made it, INVALID_DATA for a record or a line that is no JSON object.
 */
export async function openOutput(
  path: string,
  format: CaptionFormat,
  run: Run,
  overwrite: boolean,
): Promise<Output> {
  // The other formats are whole or nothing: their lines are gathered beside them first, and stay there for photos that
  // come later.
  const gathered = format === 'jsonl' ? path : `${path}.lines`
  if (overwrite) await rm(gathered, { force: true })
  else await checkSame(path, gathered, run)
  await writeWhole(recordOf(path), `${JSON.stringify(run, null, 2)}\n`)
  const done = await linesOf(gathered)
  const lines = new Map(done)
  const out = await open(gathered, 'a')
  return {
    done,
    async write(file, result) {
      const line =
        result instanceof Error ? { file, error: result.message } : captionLine(file, result.captions)
      await out.appendFile(FORMATS.jsonl([line]))
      lines.set(file, line)
    },
    async finish(files) {
      if (gathered === path) return
      await writeWhole(path, FORMATS[format](files.map((file) => lines.get(file)!)))
    },
    close: () => out.close(),
  }
}

const recordSchema = z.record(z.string(), z.unknown())

function recordOf(path: string): string {
  return `${path}.run.json`
}

async function checkSame(path: string, gathered: string, run: Run): Promise<void> {
  const sizes = await Promise.all([path, gathered].map((file) => stat(file).catch(() => ({ size: 0 }))))
  if (sizes.every(({ size }) => size === 0)) return
  const refuse = (wanted: string, received: string): never => {
    throw new ShowtellError(
      'INVALID_ARGUMENT',
      `Expected a new file, --overwrite or ${wanted} for --output but received ${received}`,
      { where: '--output' },
    )
  }
  const record = recordOf(path)
  if (!existsSync(record)) refuse(`${record}, which says what made it,`, path)
  const before = await readJson(record, (value) => recordSchema.parse(value), 'INVALID_DATA')
  const now = JSON.parse(JSON.stringify(run)) as Run
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  const other = [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]))
  const told = (run: Run): string =>
    other.map((name) => `${name} ${JSON.stringify(run[name]) ?? 'none'}`).join(', ')
  if (other.length > 0) refuse(`what ${path} was begun with (${told(before)})`, told(now))
}

/** The lines of photos that are done, by file; a last line that a killed process left half written is cut off. */
async function linesOf(path: string): Promise<Map<string, CaptionLine>> {
  if (!existsSync(path)) return new Map()
  const text = await readFile(path, 'utf8')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  await truncate(path, Buffer.byteLength(whole))
  const lines = whole.split('\n').slice(0, -1)
  return new Map(
    lines.map((text, i) => {
      try {
        const line = JSON.parse(text) as CaptionLine
        return [String(line.file), line]
      } catch {
        throw expected('a JSON object', `${path}:${i + 1}`, text, 'INVALID_DATA')
      }
    }),
  )
}
