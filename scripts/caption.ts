import { existsSync } from 'node:fs'
import { open, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { glob } from 'tinyglobby'
import { loadCaptioner } from '../decoder/captioner.js'
import { type CaptionEngine, ENGINES } from '../decoder/engines.js'
import { captionOptionsSchema } from '../decoder/options.js'
import type { CaptionedPhoto, Captioner } from '../decoder/types.js'
import { validate } from '../decoder/validate.js'
import { expected } from '../errors.js'
import { type CaptionFormat, type CaptionLine, checkImageIds, FORMATS } from './caption-formats.js'
import { addCaptionOptions, captionRequest } from './caption-options.js'
import { termsOfShipped } from './caption-terms.js'
import { interruptible } from './interrupt.js'
import { progressBar } from './progress.js'

/** Files with these endings are taken from a folder; what they are is found out from their content. */
const ENDINGS = '{jpg,jpeg,png,webp,avif,gif,heic,heif,JPG,JPEG,PNG,WEBP,AVIF,GIF,HEIC,HEIF}'
const BATCH = 16

/** `showtell caption`: captions for files, globs and folders of any size. */
export function register(program: Command): void {
  const command = program
    .command('caption')
    .description('caption photos: files, globs or folders; with --output resumable')
    .argument('<photos...>', 'files, globs or folders')
    .option('--bundle <folder>', 'captioner to use; the one that ships when absent')
    .option('--output <file>', 'file to write; the same command goes on with one that was interrupted')
    .addOption(new Option('--format <name>', 'of the file').choices(Object.keys(FORMATS)).default('jsonl'))
    .option('--engine <name>', ENGINES.join(', '), 'auto')
    .option('--threads <n>', 'threads of the model', Number)
  addCaptionOptions(command).action(caption)
  for (const shown of [program, command]) shown.addHelpText('after', termsOfShipped)
}

interface Options {
  bundle?: string
  output?: string
  format: CaptionFormat
  engine: CaptionEngine
  threads?: number
  [option: string]: unknown
}

async function caption(inputs: string[], options: Options): Promise<void> {
  const request = captionRequest(options)
  validate(captionOptionsSchema, request)
  const files = await photosOf(inputs)
  if (options.format === 'coco') checkImageIds(files)
  const signal = interruptible()
  const captioner = await loadCaptioner(options.bundle, {
    engine: options.engine,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  })
  if (captioner.model.engine !== 'onnx') process.stderr.write(`engine: ${captioner.model.engine}\n`)
  try {
    if (options.output === undefined) return await print(captioner, files, request, signal)
    // The other formats are whole or nothing: their lines are gathered beside them first.
    const lines = options.format === 'jsonl' ? options.output : `${options.output}.part`
    await append(captioner, files, request, lines, signal)
    if (lines !== options.output && !signal.aborted)
      await finish(lines, files, options.output, options.format)
  } finally {
    await captioner.close()
  }
}

type Request = ReturnType<typeof captionRequest>

/** To the screen: a line a photo. */
async function print(
  captioner: Captioner,
  files: readonly string[],
  request: Request,
  signal: AbortSignal,
): Promise<void> {
  let failed = 0
  for await (const [file, result] of captionAll(captioner, files, request, signal)) {
    if (result instanceof Error) {
      failed++
      process.stderr.write(`skipped ${file}: ${result.message}\n`)
    } else
      for (const { text, confidence } of result.captions)
        process.stdout.write(`${file}\t${text}\t${confidence.toFixed(2)}\n`)
  }
  if (failed > 0) process.exitCode = 1
}

/** To a file that may be interrupted at any moment and gone on with: a photo is done when its line is whole. */
async function append(
  captioner: Captioner,
  files: readonly string[],
  request: Request,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const done = await linesOf(path)
  const remaining = files.filter((file) => !done.has(file))
  const out = await open(path, 'a')
  let count = files.length - remaining.length
  const bar = progressBar('caption', files.length, count)
  let failed = 0
  try {
    for await (const [file, result] of captionAll(captioner, remaining, request, signal)) {
      if (result instanceof Error) {
        failed++
        process.stderr.write(`skipped ${file}: ${result.message}\n`)
        await out.appendFile(`${JSON.stringify({ file, error: result.message })}\n`)
      } else {
        const [best, ...others] = result.captions
        const line = {
          file,
          caption: best!.text,
          confidence: round(best!.confidence),
          logProb: round(best!.logProb),
        }
        const more = others.length === 0 ? {} : { others: others.map(({ text }) => text) }
        await out.appendFile(`${JSON.stringify({ ...line, ...more })}\n`)
      }
      bar.update(++count)
    }
  } finally {
    await out.close()
    bar.stop()
  }
  if (failed > 0) process.exitCode = 1
}

/** Captions files in batches; the photos of the next batch are decoded while the model works on this one. */
async function* captionAll(
  captioner: Captioner,
  files: readonly string[],
  request: Request,
  signal: AbortSignal,
): AsyncGenerator<readonly [string, CaptionedPhoto | Error]> {
  const start = (from: number) => {
    const batch = files.slice(from, from + BATCH)
    const results = captioner.caption(batch, request)
    // The error of a batch is thrown where it is awaited.
    results.catch(() => {})
    return { batch, results }
  }
  const ahead = [start(0)]
  for (let from = BATCH; ahead.length > 0; from += BATCH) {
    if (from < files.length && !signal.aborted) ahead.push(start(from))
    const { batch, results } = ahead.shift()!
    for (const [i, result] of (await results).entries()) yield [batch[i]!, result] as const
  }
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

/** Gathered lines become the file that was asked for. */
async function finish(
  path: string,
  files: readonly string[],
  output: string,
  format: CaptionFormat,
): Promise<void> {
  const lines = await linesOf(path)
  const aside = `${output}.tmp`
  await writeFile(aside, FORMATS[format](files.map((file) => lines.get(file)!)))
  await rename(aside, output)
  await rm(path)
}

/** Folders become the photos in them, at any depth, and globs what they match; sorted, each once. */
async function photosOf(inputs: readonly string[]): Promise<string[]> {
  const found = new Set<string>()
  for (const input of inputs) {
    const kind = await stat(input).catch(() => undefined)
    if (kind?.isFile()) found.add(input)
    else {
      const matched = await (kind?.isDirectory()
        ? glob(`**/*.${ENDINGS}`, { cwd: input, absolute: false }).then((names) =>
            names.map((name) => `${input.replace(/\/$/, '')}/${name}`),
          )
        : glob(input.replaceAll('\\', '/')))
      if (matched.length === 0) throw expected('at least one photo', input, 'none', 'NOT_FOUND')
      for (const file of matched.sort()) found.add(file)
    }
  }
  return [...found]
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4
}
