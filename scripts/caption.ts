import { mkdir } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { type Command, Option } from 'commander'
import { loadCaptioner } from '../decoder/captioner.js'
import { type CaptionRequest, captionOptionsSchema, checkCalibrated, checkStyle } from '../decoder/options.js'
import type { CaptionedPhoto, Captioner } from '../decoder/types.js'
import { validate } from '../decoder/validate.js'
import { ENGINES, type Engine } from '../engine/backends.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import { drawAttention, pictureOf } from './caption-attention.js'
import { captionEach } from './caption-batches.js'
import { type CaptionFormat, checkNames, FORMATS, imageIdOf } from './caption-formats.js'
import { photosOf } from './caption-inputs.js'
import { addCaptionOptions, bundleOption, captionRequest } from './caption-options.js'
import { type Output, openOutput, SCREEN } from './caption-output.js'
import { termsOfShipped } from './caption-terms.js'
import { sidecarOf, writeAltText } from './caption-xmp.js'
import { INTERRUPTED, interruptible } from './interrupt.js'
import { complain, tellNewer, tellSkipped } from './left-out.js'
import { progressBar } from './progress.js'
import { number } from './schema-options.js'

/** `showtell caption`: captions for files, globs and folders of any size. */
export function register(program: Command): void {
  const command = program
    .command('caption')
    .description('caption photos: files, globs or folders; with --output resumable')
    .argument('<photos...>', 'files, globs or folders')
    .addOption(bundleOption())
    .option(
      '--output <file>',
      'file to write; the same command goes on with one that was interrupted, other photos join those that are there, another captioner or option is refused',
    )
    .addOption(new Option('--format <name>', 'of the file; jsonl when absent').choices(Object.keys(FORMATS)))
    .option(
      '--xmp',
      'write the caption as IPTC alt text into photo.jpg.xmp, where digiKam, darktable and Immich look; an alt text that is there is kept',
    )
    .option('--replace-alt-texts', 'with --xmp: replace alt texts that are there')
    .option('--attention <folder>', 'draw into photo.jpg.svg there where the model looked at each word')
    .option('--overwrite', 'begin the output anew')
    .option('--engine <name>', ENGINES.join(', '), 'auto')
    .option('--threads <n>', 'threads of the model; the cores, at most 4, when absent', number('--threads'))
  addCaptionOptions(command).action(caption)
  for (const shown of [program, command]) shown.addHelpText('after', termsOfShipped)
}

interface Options {
  bundle?: string[]
  output?: string
  format?: CaptionFormat
  xmp?: boolean
  attention?: string
  replaceAltTexts?: boolean
  overwrite?: boolean
  engine: Engine
  threads?: number
  [option: string]: unknown
}

async function caption(inputs: string[], options: Options): Promise<void> {
  const request = { ...captionRequest(options), attention: options.attention !== undefined }
  const all = validate(captionOptionsSchema, request)
  if (options.format !== undefined && options.output === undefined)
    throw expected('--output', `--format ${options.format}`, undefined)
  if (options.overwrite && options.output === undefined) throw expected('--output', '--overwrite', undefined)
  if (all.count > 1 && options.format !== undefined && options.format !== 'jsonl')
    throw expected('--count 1, or --format jsonl', `--format ${options.format}`, all.count)
  if (options.replaceAltTexts && !options.xmp) throw expected('--xmp', '--replace-alt-texts', undefined)
  const files = await photosOf(inputs, tellSkipped)
  const checkApart = (photos: readonly string[]): void => {
    if (options.format === 'coco') checkNames(photos, imageIdOf, '--format coco')
    if (options.attention !== undefined) checkNames(photos, pictureOf, '--attention')
  }
  checkApart(files)
  if (options.attention !== undefined) await mkdir(options.attention, { recursive: true })
  const signal = interruptible()
  const captioner = await loadCaptioner(options.bundle, {
    engine: options.engine,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  })
  if (captioner.model.engine !== 'onnx') process.stderr.write(`engine: ${captioner.model.engine}\n`)
  try {
    const { name, version, attention, styles, calibrated } = captioner.model
    if (!calibrated)
      process.stderr.write(`confidence: 0.5 of every caption, since ${name} is not calibrated\n`)
    // Before --overwrite empties the output.
    checkStyle(styles, all.style, '--style')
    checkCalibrated(calibrated, all.minConfidence, '--min-confidence')
    if (options.attention !== undefined && attention === 'none')
      throw expected('a captioner with attention', '--attention', name)
    const { output: path, format = 'jsonl', xmp = false, replaceAltTexts, overwrite = false } = options
    const bundle = `${name} ${version}`
    // Names that are relative are so to this folder.
    const folder = files.every((file) => isAbsolute(file)) ? undefined : process.cwd()
    const run = { bundle, format, xmp, replaceAltTexts, ...all, attention: options.attention, folder }
    const output = path === undefined ? SCREEN : await openOutput(path, format, run, overwrite)
    try {
      checkApart([...output.done, ...files.filter((file) => !output.isDone(file))])
      await captionTo(output, captioner, files, request, options, signal)
    } finally {
      await output.close()
    }
  } finally {
    await captioner.close()
  }
}

/** Captions what the output has not yet. What goes wrong with a photo is told, the others go on, the exit code is 1. */
async function captionTo(
  output: Output,
  captioner: Captioner,
  files: readonly string[],
  request: CaptionRequest,
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  const remaining = files.filter((file) => !output.isDone(file))
  const { writtenAt } = output
  if (writtenAt !== undefined) {
    const done = files.filter((file) => output.isDone(file))
    tellNewer(writtenAt, done, files.length, options.output!, '--overwrite captions them anew')
  }
  let count = files.length - remaining.length
  let undone = 0
  const bar = output.isKept ? progressBar('caption', files.length, count) : undefined
  try {
    for await (const [file, result] of captionEach(captioner, remaining, (file) => file, request, signal)) {
      count++
      bar?.update(count)
      if (result instanceof Error) tellSkipped(file, result)
      else
        try {
          await writeBeside(file, result, options, captioner.model.grid)
        } catch (error) {
          complain(`nothing beside ${file}: ${messageOf(error)}`)
          // What the system refuses now it may allow later; a sidecar that is no XMP stays one. An output that no run
          // goes on with gets the caption now or never.
          if (output.isKept && !(error instanceof ShowtellError)) {
            undone++
            continue
          }
        }
      await output.write(file, result)
    }
  } finally {
    bar?.stop()
  }
  if (count === files.length && undone === 0) return output.finish(files)
  const again = output.isKept
    ? `; the same command${options.overwrite ? ' without --overwrite' : ''} goes on`
    : ''
  if (count === files.length) {
    process.stderr.write(`${undone} of ${files.length} photos are left${again}\n`)
    return
  }
  process.stderr.write(`stopped after ${count - undone} of ${files.length} photos${again}\n`)
  process.exitCode = INTERRUPTED
}

/** What is wanted of a photo beside the output; written before its line, which says that it is done. */
async function writeBeside(
  file: string,
  { captions }: CaptionedPhoto,
  { xmp, replaceAltTexts = false, attention }: Options,
  grid: readonly [number, number],
): Promise<void> {
  const best = captions[0]!
  if (attention !== undefined) await drawAttention(attention, file, best, grid)
  if (xmp && !(await writeAltText(file, best.text, replaceAltTexts)))
    process.stderr.write(`kept the alt text of ${sidecarOf(file)}\n`)
}
