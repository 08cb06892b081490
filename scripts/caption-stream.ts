import { fstatSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { type CaptionLine, captionLine } from '../data/caption-lines.js'
import type { CaptionedPhoto } from '../decoder/types.js'
import { ShowtellError } from '../errors.js'
import { type CaptionFormat, FORMATS } from './caption-formats.js'

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
  /** Whether captions are seen as they come, which tells how far it is. */
  readonly isSeen: boolean
  write(file: string, result: CaptionedPhoto | Error): Promise<void>
  /**
   * Called once all of `files` were tried; where nothing is kept, also when no more of them will be. What other photos had
   * before stays, after theirs.
   */
  finish(files: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** Nothing is kept of what goes to a terminal or through a pipe. */
const NOTHING_KEPT = { isDone: () => false, othersThan: () => [], isKept: false }

/** The standard output: a line a caption. @param calibrated as `captionLine` takes it. */
export function screen(calibrated: boolean): Output {
  return {
    ...NOTHING_KEPT,
    isSeen: isStdoutSeen(),
    async write(file, result) {
      if (result instanceof Error) return
      for (const { text, confidence } of result.captions)
        process.stdout.write(`${file}\t${text}${calibrated ? `\t${confidence.toFixed(2)}` : ''}\n`)
    },
    finish: async () => {},
    close: async () => {},
  }
}

/** Lines in a terminal are seen, and what reads a pipe may show them there; what goes into a file is not. */
function isStdoutSeen(): boolean {
  return !fstatSync(process.stdout.fd).isFile()
}

/** Has a command go on when whoever reads its standard output has had enough, as `head` has, which would end it. */
export function outliveReader(): void {
  const listeners = process.stdout.listeners('error')
  process.stdout.removeAllListeners('error').on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') for (const listener of listeners) listener(error)
  })
}

/** As much of an open file as a stream has. */
export interface Stream {
  appendFile(text: string): Promise<void>
  close(): Promise<void>
}

/** Opens a file to append to. @param again what is said after what the system refuses, which names no file by itself. */
export async function openStream(path: string, again = ''): Promise<Stream> {
  const out = await open(path, 'a')
  return {
    appendFile: (text) => out.appendFile(text).catch(refusing(path, again)),
    close: () => out.close(),
  }
}

/** @throws ShowtellError INTERNAL for what the system refused, a full disk mostly; EPIPE, which is no failure, as it is. */
export function refusing(path: string, again: string) {
  return (cause: NodeJS.ErrnoException): never => {
    if (cause.code === 'EPIPE') throw cause
    throw new ShowtellError('INTERNAL', `Expected to write ${path} but ${cause.message}${again}`, {
      where: path,
      cause,
    })
  }
}

/** Not by a path, which not every system has of it. */
export const STDOUT: Stream = {
  async appendFile(text) {
    process.stdout.write(text)
  },
  close: async () => {},
}

/** Lines go as they come; the other formats are gathered until they are finished. */
export function throughStream(out: Stream, format: CaptionFormat, calibrated: boolean): Output {
  const lines = new Map<string, CaptionLine>()
  return {
    ...NOTHING_KEPT,
    isSeen: format === 'jsonl' && (out !== STDOUT || isStdoutSeen()),
    async write(file, result) {
      const line = lineOf(file, result, calibrated)
      if (format === 'jsonl') await out.appendFile(FORMATS.jsonl([line]))
      else lines.set(file, line)
    },
    async finish(files) {
      const tried = files.flatMap((file) => lines.get(file) ?? [])
      if (format !== 'jsonl') await out.appendFile(FORMATS[format](tried))
    },
    close: () => out.close(),
  }
}

/** What an output holds of a photo. @param calibrated as `captionLine` takes it. */
export function lineOf(file: string, result: CaptionedPhoto | Error, calibrated: boolean): CaptionLine {
  return result instanceof Error
    ? { file, error: result.message }
    : captionLine(file, result.captions, calibrated)
}
