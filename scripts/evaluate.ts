import { access, constants } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { type CaptionedImage, type CaptionFormat, READERS, readCaptions } from '../data/captions.js'
import { placeIn } from '../data/photo-files.js'
import { readText } from '../data/text-file.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import {
  type Candidate,
  joinReferences,
  ofImages,
  parseCandidates,
  parseImageList,
  type ScoredImage,
} from '../metrics/candidates.js'
import { evaluate } from '../metrics/evaluation.js'
import { startMeteor } from '../metrics/meteor/process.js'
import { parseGroups } from '../metrics/object-groups.js'
import { reliabilityDiagram } from '../metrics/reliability.js'
import { htmlReport } from '../metrics/report.js'
import { textReport } from '../metrics/report-rows.js'
import { addCaptionOptions, bundleOption, CAPTION_OPTIONS, captionRequest } from './caption-options.js'
import {
  extremeCaptions,
  frequencies,
  picturesOf,
  saveFrequencies,
  trainingCaptions,
} from './evaluate-files.js'
import { progressBar } from './progress.js'
import { positive } from './schema-options.js'
import { makePlace, writeWhole } from './whole-file.js'

interface Options {
  references: string
  candidates?: string
  format?: CaptionFormat
  split?: string
  images?: string
  bundle?: string[]
  limit?: number
  onlyIds?: string
  compare?: string
  training?: string[]
  subjects?: string
  people?: boolean
  documentFrequencies?: string
  saveDocumentFrequencies?: string
  paraphrases?: string
  samples: number
  json?: string
  html?: string
  reliability?: string
  extremes?: string
  [option: string]: unknown
}

const BATCH = 16
/** `showtell evaluate`: the COCO scores of a result file, or of a captioner. */
export function register(program: Command): void {
  const command = program
    .command('evaluate')
    .description('score captions with the COCO metrics; captions photos first when no --candidates are given')
    .requiredOption('--references <file>', `captions by people: ${Object.keys(READERS).join(', ')}`)
    .addOption(
      new Option('--candidates <file>', 'captions to score: COCO results JSON, or JSON lines').conflicts([
        'bundle',
        ...CAPTION_OPTIONS,
      ]),
    )
    .addOption(
      new Option('--format <name>', 'format of the references; recognised when absent').choices(
        Object.keys(READERS),
      ),
    )
    .option('--split <name>', 'only the references of this split')
    .option('--images <folder>', 'photos: to caption, and to show in the report')
    .addOption(bundleOption())
    .option('--limit <n>', 'only the first n images', positive('--limit'))
    .option('--only-ids <file>', 'only the images of this list: an id a line, or a JSON array')
    .option('--compare <file>', 'captions of another captioner for the same images: is the difference real?')
    .option('--training <files...>', 'caption files trained on, as for train: how many captions are copied?')
    .option(
      '--subjects <file>',
      'a line of words a subject: which captions name it, of the photos whose references do?',
    )
    .option('--people', 'score people on the same photos: one reference against the others')
    .option('--document-frequencies <file>', "what CIDEr weighs words by, instead of these references'")
    .option(
      '--save-document-frequencies <file>',
      'write those of the references scored against; of all references when there is nothing to score',
    )
    .addOption(
      new Option(
        '--paraphrases <file>',
        "METEOR's paraphrase-en.gz; without it METEOR knows no paraphrases",
      ).env('METEOR_PARAPHRASES'),
    )
    .option('--samples <n>', 'sets drawn for the intervals', positive('--samples'), 1000)
    .option('--json <file>', 'write corpus, perImage and all else')
    .option('--html <file>', 'write a report')
    .option('--reliability <file>', 'draw as SVG what the confidences of the captions are worth')
    .option(
      '--extremes <file>',
      'write the 20 best and the 20 worst captions by CIDEr, a list that --only-ids takes',
    )
  addCaptionOptions(command).action(run)
}

async function run(options: Options): Promise<void> {
  const warnings: string[] = []
  const warn = (warning: string): void => {
    warnings.push(warning)
    process.stderr.write(`${warning}\n`)
  }
  const { format, split, limit, onlyIds } = options
  const all = await readCaptions(options.references, {
    onProblem: (problem) => warn(problem.message),
    ...(format === undefined ? {} : { format }),
    ...(split === undefined ? {} : { split }),
  })
  // Before photos are captioned, which takes long: a place that cannot be written, or a file that is not there, shows now.
  await checkPlaces(options)
  const wanted =
    onlyIds === undefined ? all : parseImageList(await readText(onlyIds, 'a list of images'), all, onlyIds)
  if (options.candidates === undefined && options.images === undefined && options.saveDocumentFrequencies) {
    await saveFrequencies(options.saveDocumentFrequencies, wanted.slice(0, limit))
    return
  }
  /** A file's captions of the wanted images. */
  const candidatesIn = async (file: string): Promise<Candidate[]> =>
    ofImages(parseCandidates(await readText(file, 'captions'), file, warn), wanted, all)
  const references = options.candidates === undefined ? wanted.slice(0, limit) : wanted
  const others = options.compare === undefined ? undefined : await candidatesIn(options.compare)
  const known = {
    ...(options.training === undefined ? {} : { training: await trainingCaptions(options.training, warn) }),
    ...(options.subjects === undefined
      ? {}
      : { subjects: parseGroups(await readText(options.subjects, 'subjects')) }),
    ...(options.documentFrequencies === undefined
      ? {}
      : { documentFrequencies: await frequencies(options.documentFrequencies) }),
  }
  const candidates =
    options.candidates === undefined
      ? await captionPhotos(references, options, warn)
      : await candidatesIn(options.candidates)
  const where = options.candidates ?? 'the captioner'
  const images = joinReferences(candidates, references, where, warn).slice(0, limit)
  if (options.reliability !== undefined && images.every(({ confidence }) => confidence === undefined))
    throw expected('captions with a confidence', '--reliability', 'none', 'INVALID_DATA')
  const compared =
    others === undefined
      ? undefined
      : otherCaptions(joinReferences(others, wanted, options.compare!, warn), images, options.compare!, where)
  const { paraphrases } = options
  const evaluation = await evaluate(images, {
    meteor: startMeteor(paraphrases === undefined ? {} : { paraphrases }),
    samples: options.samples,
    people: options.people === true,
    ...(compared === undefined ? {} : { other: compared }),
    ...known,
  })
  process.stdout.write(textReport(evaluation))
  if (options.saveDocumentFrequencies !== undefined)
    await saveFrequencies(
      options.saveDocumentFrequencies,
      images.map((image) => ({ captions: image.references })),
    )
  if (options.json !== undefined)
    await writeWhole(
      options.json,
      `${JSON.stringify({ ...evaluation, paraphrases: paraphrases !== undefined, warnings }, null, 1)}\n`,
    )
  if (options.extremes !== undefined) await writeWhole(options.extremes, extremeCaptions(evaluation, images))
  if (options.reliability !== undefined && evaluation.calibration !== undefined)
    await writeWhole(options.reliability, reliabilityDiagram(evaluation.calibration))
  if (options.html !== undefined) {
    const pictures = await picturesOf(evaluation, images, options.images, warn)
    const title = `Captions of ${[options.candidates ?? options.bundle ?? 'the shipped captioner']
      .flat()
      .map((path) => basename(path))
      .join(' + ')}`
    await writeWhole(options.html, htmlReport({ title, evaluation, images, warnings, pictures }))
  }
}

async function checkPlaces(options: Options): Promise<void> {
  const { json, html, reliability, extremes, saveDocumentFrequencies, paraphrases } = options
  for (const place of [json, html, reliability, extremes, saveDocumentFrequencies])
    if (place !== undefined) await makePlace(place)
  if (paraphrases === undefined) return
  await access(paraphrases, constants.R_OK).catch((cause) => {
    throw new ShowtellError('NOT_FOUND', `Expected paraphrases at ${paraphrases}: ${messageOf(cause)}`, {
      where: paraphrases,
      cause,
    })
  })
}

/** The captioner's captions of the photos of the references. */
async function captionPhotos(
  references: readonly CaptionedImage[],
  options: Options,
  warn: (warning: string) => void,
): Promise<Candidate[]> {
  const folder = options.images
  if (folder === undefined)
    throw expected('--candidates, or --images to caption', 'showtell evaluate', 'neither')
  const request = captionRequest(options)
  // Loaded here, so that scoring a file needs no model.
  const { loadCaptioner } = await import('../decoder/captioner.js')
  const captioner = await loadCaptioner(options.bundle)
  const bar = progressBar('caption', references.length)
  const found: Candidate[] = []
  try {
    for (let from = 0; from < references.length; from += BATCH) {
      const batch = references.slice(from, from + BATCH)
      const files = batch.map(({ file }) => placeIn(folder, file))
      for (const [index, result] of (await captioner.caption(files, request)).entries()) {
        const { id, file } = batch[index] ?? { id: '', file: '' }
        if (result instanceof Error) warn(`no caption for ${file}: ${result.message}`)
        else {
          const { text, confidence } = result.captions[0]!
          found.push({ image: id, caption: text, confidence })
        }
      }
      bar.update(Math.min(references.length, from + BATCH))
    }
  } finally {
    bar.stop()
    await captioner.close()
  }
  return found
}

/** Another file's captions of the images, in their order. */
function otherCaptions(
  others: readonly ScoredImage[],
  images: readonly ScoredImage[],
  file: string,
  /** What the images have captions of. */
  where: string,
): string[] {
  const captions = new Map(others.map(({ id, candidate }) => [id, candidate]))
  return images.map(({ id }) => {
    const caption = captions.get(id)
    if (caption === undefined)
      throw expected(`a caption of image ${id}, as of ${where},`, file, 'none', 'INVALID_DATA')
    return caption
  })
}
