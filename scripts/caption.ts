import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { type Command, Option } from 'commander'
import { checkNames } from '../data/photo-files.js'
import { loadCaptioner } from '../decoder/captioner.js'
import { type CaptionRequest, captionOptionsSchema, checkCalibrated, checkStyle } from '../decoder/options.js'
import type { Caption, CaptionedPhoto, Captioner } from '../decoder/types.js'
import { validate } from '../decoder/validate.js'
import { ENGINES, type Engine } from '../engine/backends.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import { checkPictures, drawAttention, picturesOf } from './caption-attention.js'
import { captionEach } from './caption-batches.js'
import { type CaptionFormat, FORMATS, imageIdOf } from './caption-formats.js'
import { photosOf, readStdin, STDIN } from './caption-inputs.js'
import { addCaptionOptions, bundleOption, captionRequest, termsOfShipped } from './caption-options.js'
import { goesOn, openOutput } from './caption-output.js'
import { type Output, outliveReader, screen } from './caption-stream.js'
import { hasAltText, sidecarOf, writeAltText } from './caption-xmp.js'
import { INTERRUPTED, interruptible } from './interrupt.js'
import { complain, tellNewer, tellSkipped } from './left-out.js'
import { progressBar, say } from './progress.js'
import { engineOption, number } from './schema-options.js'

/** `showtell caption`: captions for files, globs and folders of any size. */
export function register(program: Command): void {
  const command = program
    .command('caption')
    .description('caption photos: files, globs or folders; with --output resumable')
    .argument(
      '<photos...>',
      'files, globs or folders, before --ban or after --; - is a photo that comes through the standard input',
    )
    .addOption(bundleOption())
    .option(
      '--output <file>',
      'file to write, - for the standard output; the same command goes on with one that was interrupted, other photos join those that are there, another captioner or option is refused',
    )
    .addOption(
      new Option(
        '--format <name>',
        'of the output; when absent, csv where its name ends in .csv and jsonl elsewhere',
      ).choices(Object.keys(FORMATS)),
    )
    .option(
      '--xmp',
      'write the caption as IPTC alt text into photo.jpg.xmp, where digiKam, darktable and Immich look; an alt text that is there is kept, and its photo passed over where nothing else is asked for',
    )
    .option('--replace-alt-texts', 'with --xmp: replace alt texts that are there')
    .option(
      '--attention <folder>',
      'draw into photo.jpg.svg there, in folders where photos share a name, where the model looked at each word',
    )
    .option('--overwrite', 'begin the output anew')
    .addOption(engineOption(ENGINES))
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
  const { attention: looks, xmp = false, replaceAltTexts, overwrite = false } = options
  const path = options.output ?? (options.format === undefined ? undefined : '-')
  const format = options.format ?? (/\.csv$/i.test(path ?? '') ? 'csv' : 'jsonl')
  if (overwrite && options.output === undefined) throw expected('--output', '--overwrite', undefined)
  if (all.count > 1 && format !== 'jsonl')
    throw expected('--count 1, or --format jsonl', `--format ${format}`, all.count)
  if (replaceAltTexts && !xmp) throw expected('--xmp', '--replace-alt-texts', undefined)
  const isPiped = inputs.includes('-')
  if (xmp && isPiped) throw expected('photos that lie in files', '--xmp', '-')
  const found = await photosOf(inputs, tellSkipped)
  const files = wantsAltTextsOnly(options) ? await withoutAltText(found) : found
  const checkIds = (photos: readonly string[]): void => {
    if (format === 'coco') checkNames(photos, imageIdOf, '--format coco')
  }
  checkIds(files)
  const stdin = isPiped ? await readStdin() : undefined
  if (looks !== undefined) await mkdir(looks, { recursive: true })
  const signal = interruptible()
  const captioner = await loadCaptioner(options.bundle, {
    engine: options.engine,
    threads: options.threads,
  })
  if (captioner.model.engine !== 'onnx') say(`engine: ${captioner.model.engine}`)
  try {
    const { name, version, attention, styles, calibrated } = captioner.model
    if (!calibrated) say(`confidences are left out, since ${name} is not calibrated`)
    // Before --overwrite empties the output.
    checkStyle(styles, all.style, '--style')
    checkCalibrated(calibrated, all.minConfidence, '--min-confidence')
    if (looks !== undefined && attention === 'none')
      throw expected('a captioner with attention', '--attention', name)
    const bundle = `${name} ${version}`
    // Names that are relative are so to this folder.
    const folder = files.every((file) => isAbsolute(file)) ? undefined : process.cwd()
    const run = { bundle, format, xmp, replaceAltTexts, ...all, attention: looks, folder }
    const output =
      path === undefined ? screen(calibrated) : await openOutput(path, format, run, overwrite, calibrated)
    try {
      const others = output.othersThan(files)
      checkIds([...others, ...files])
      if (looks !== undefined) checkPictures(others, files)
      // What is wanted are the files beside the photos then, whoever reads the lines.
      if (!output.isKept && (xmp || looks !== undefined)) outliveReader()
      await captionTo(output, captioner, { files, stdin }, request, options, signal)
    } finally {
      await output.close()
    }
  } finally {
    await captioner.close()
  }
}

/** Whether a photo whose sidecar has an alt text needs no caption. */
function wantsAltTextsOnly({ xmp = false, replaceAltTexts, attention, output, format }: Options): boolean {
  return xmp && [replaceAltTexts, attention, output, format].every((wanted) => wanted === undefined)
}

/** What is wrong with a sidecar is said once its photo has a caption. */
async function withoutAltText(photos: readonly string[]): Promise<string[]> {
  const without: string[] = []
  for (const photo of photos) if (!(await hasAltText(photo).catch(() => false))) without.push(photo)
  const count = photos.length - without.length
  if (count > 0)
    say(`${count} of ${photos.length} photos have an alt text; --replace-alt-texts replaces them`)
  return without
}

/** The photos of a command, and the bytes of the one that is called `STDIN`. */
interface Photos {
  readonly files: readonly string[]
  readonly stdin: Uint8Array | undefined
}

/** Captions what the output has not yet. What goes wrong with a photo is told, the others go on, the exit code is 1. */
async function captionTo(
  output: Output,
  captioner: Captioner,
  { files, stdin }: Photos,
  request: CaptionRequest,
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  const imageOf = (file: string): string | Uint8Array => (file === STDIN ? (stdin ?? file) : file)
  const { attention: looks } = options
  // What comes through the standard input is another photo each time.
  const hasLine = (file: string): boolean => imageOf(file) === file && output.isDone(file)
  const pictureOf = picturesOf(files)
  // One that shares its name with a photo that came since has its picture where that of the other may come.
  const isDrawn = (picture: string): boolean =>
    looks === undefined || dirname(picture) === '.' || existsSync(join(looks, picture))
  const isDone = (file: string): boolean => hasLine(file) && isDrawn(pictureOf(file))
  const remaining = files.filter((file) => !isDone(file))
  const draw = async (file: string, best: Caption): Promise<void> => {
    if (looks === undefined) return
    await drawAttention(join(looks, pictureOf(file)), imageOf(file), file, best, captioner.model)
  }
  const { writtenAt } = output
  if (writtenAt !== undefined) {
    const done = files.filter(isDone)
    tellNewer(writtenAt, done, files.length, options.output!, '--overwrite captions them anew')
  }
  let count = files.length - remaining.length
  let undone = 0
  const bar = output.isSeen ? undefined : progressBar('caption', files.length, count)
  try {
    for await (const [file, result] of captionEach(captioner, remaining, imageOf, request, signal)) {
      count++
      bar?.update(count)
      if (result instanceof Error) tellSkipped(file, result)
      else
        try {
          await writeBeside(file, result, options, draw)
        } catch (error) {
          complain(`nothing beside ${file}: ${messageOf(error)}`)
          // What the system refuses now it may allow later; a sidecar that is no XMP stays one. An output that no run
          // goes on with gets the caption now or never.
          if (output.isKept && !(error instanceof ShowtellError)) {
            undone++
            continue
          }
        }
      if (!hasLine(file)) await output.write(file, result)
    }
  } finally {
    bar?.stop()
  }
  const again = output.isKept || wantsAltTextsOnly(options) ? goesOn(options.overwrite) : ''
  if (count < files.length) {
    // Or what was gathered for it would be gone.
    if (!output.isKept) await output.finish(files)
    say(`stopped after ${count - undone} of ${files.length} photos${again}`)
    process.exitCode = INTERRUPTED
    return
  }
  await output.finish(files)
  if (undone > 0) say(`${undone} of ${files.length} photos are left${again}`)
}

/** What is wanted of a photo beside the output; written before its line, which says that it is done. */
async function writeBeside(
  file: string,
  { captions }: CaptionedPhoto,
  { xmp, replaceAltTexts = false }: Options,
  draw: (file: string, best: Caption) => Promise<void>,
): Promise<void> {
  const best = captions[0]!
  await draw(file, best)
  if (xmp && !(await writeAltText(file, best.text, replaceAltTexts)))
    say(`kept the alt text of ${sidecarOf(file)}`)
}
