import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { type CaptionedImage, type CaptionFormat, READERS, readCaptions } from '../data/captions.js'
import { checkApart, PhotoFolder } from '../data/photo-files.js'
import { isWithoutWords } from '../data/readers/reader.js'
import { readText } from '../data/text-file.js'
import { expected, type ShowtellError } from '../errors.js'
import { checkSamples } from '../metrics/bootstrap.js'
import {
  type Candidate,
  joinReferences,
  parseCandidates,
  parseImageList,
  type ScoredImage,
} from '../metrics/candidates.js'
import { checkPeople, evaluate } from '../metrics/evaluation.js'
import { checkParaphrases } from '../metrics/meteor/paraphrase-file.js'
import { startMeteor } from '../metrics/meteor/process.js'
import { parseGroups } from '../metrics/object-groups.js'
import { textReport } from '../metrics/report-rows.js'
import { captionsIn } from './caption-batches.js'
import { addCaptionOptions, bundleOption, CAPTION_OPTIONS, captionRequest } from './caption-options.js'
import {
  firstReadable,
  frequencies,
  makeOutputs,
  type Outputs,
  saveFrequencies,
  trainedOn,
  writeOutputs,
} from './evaluate-files.js'
import { say } from './progress.js'
import { positive } from './schema-options.js'

interface Options extends Outputs {
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
  paraphrases?: string
  samples: number
  [option: string]: unknown
}

/** What alone may be given with --save-document-frequencies where there is nothing to score. */
const OF_REFERENCES = ['references', 'format', 'split', 'limit', 'onlyIds', 'saveDocumentFrequencies']
/** Fewer images are warned of. */
const FEW = 30
/** What messages call the place of captions that are made here. */
const CAPTIONER = 'the captioner'

/** `showtell evaluate`: the COCO scores of a result file, or of a captioner. */
export function register(program: Command): void {
  const command = program
    .command('evaluate')
    .description('score captions with the COCO metrics; captions photos first when no --candidates are given')
    .requiredOption('--references <file>', `captions by people: ${Object.keys(READERS).join(', ')}`)
    .addOption(
      new Option(
        '--candidates <file>',
        'captions to score: COCO results JSON, JSON lines, CSV, or what --json wrote',
      ).conflicts(['bundle', ...CAPTION_OPTIONS]),
    )
    .addOption(
      new Option('--format <name>', 'format of the references; recognised when absent').choices(
        Object.keys(READERS),
      ),
    )
    .option('--split <name>', 'only the references of this split')
    .option('--images <folder>', 'photos: to caption, and to show in the report')
    .addOption(bundleOption())
    .option('--limit <n>', 'only the first n images of the references', positive('--limit'))
    .option('--only-ids <file>', 'only the images of this list: an id a line, or a JSON array')
    .option(
      '--compare <file>',
      'captions of another captioner for the same images, as for --candidates: is the difference real (p below .05)?',
    )
    .option(
      '--training <files...>',
      'caption files trained on, as for train but without their styles: how many captions are copied?',
    )
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
        "METEOR's paraphrase-en.gz, from pycocoevalcap/meteor/data of the Python package pycocoevalcap 1.2; without it METEOR knows no paraphrases",
      ).env('METEOR_PARAPHRASES'),
    )
    .option('--samples <n>', 'sets drawn for the intervals, at least 40', positive('--samples'), 1000)
    .option('--json <file>', 'write corpus, perImage and all else')
    .option('--html <file>', 'write a report')
    .option('--reliability <file>', 'draw as SVG what the confidences of the captions are worth')
    .option(
      '--extremes <file>',
      'write the 20 best and the 20 worst captions by CIDEr, a list that --only-ids takes',
    )
  addCaptionOptions(command).action(run)
}

async function run(options: Options, command: Command): Promise<void> {
  const warnings: string[] = []
  const warn = (warning: string): void => {
    warnings.push(warning)
    say(warning)
  }
  const { format, split, limit, onlyIds, compare, training, subjects, documentFrequencies } = options
  let wordless = 0
  const onProblem = (problem: ShowtellError): void => {
    if (isWithoutWords(problem)) wordless++
    warn(problem.message)
  }
  const all = await readCaptions(options.references, { format, split, onProblem })
  if (wordless > 0)
    warn(
      `${options.references}: captions without words left out: ${wordless}; the COCO evaluation scores against them, too`,
    )
  // Before photos are captioned, which takes long: what cannot be written, read or told shows now.
  await checkAhead(options)
  const wanted =
    onlyIds === undefined ? all : parseImageList(await readText(onlyIds, 'a list of images'), all, onlyIds)
  // The same images whether their captions are made or read.
  const references = wanted.slice(0, limit)
  const given = Object.keys(options).filter((name) => command.getOptionValueSource(name) === 'cli')
  if (options.saveDocumentFrequencies && given.every((name) => OF_REFERENCES.includes(name))) {
    await saveFrequencies(options.saveDocumentFrequencies, references)
    return
  }
  const candidatesIn = async (file: string): Promise<Candidate[]> =>
    parseCandidates(await readText(file, 'captions'), file, warn)
  const ofReferences = (candidates: readonly Candidate[], where: string): ScoredImage[] =>
    joinReferences(candidates, all, where, warn, references)
  const others =
    compare === undefined ? undefined : captionsById(ofReferences(await candidatesIn(compare), compare))
  const trained = training === undefined ? undefined : await trainedOn(training, options.references, warn)
  const known = {
    training: trained?.captions,
    subjects:
      subjects === undefined ? undefined : parseGroups(await readText(subjects, 'subjects'), subjects),
    documentFrequencies:
      documentFrequencies === undefined ? undefined : await frequencies(documentFrequencies),
  }
  const folder = options.images === undefined ? undefined : new PhotoFolder(options.images)
  const candidates =
    options.candidates === undefined
      ? await captionPhotos(references, folder, options, others, warn)
      : await candidatesIn(options.candidates)
  const images = ofReferences(candidates, options.candidates ?? CAPTIONER)
  if (options.reliability !== undefined && images.every(({ confidence }) => confidence === undefined))
    throw expected('captions with a confidence', '--reliability', 'none', 'INVALID_DATA')
  if (images.length < FEW) {
    const few = `only ${images.length} of the ${FEW} images that intervals and p need to say much`
    const cider = ', and CIDEr without --document-frequencies (0 of one image)'
    warn(documentFrequencies === undefined ? few + cider : few)
  }
  const seen = images.filter(({ id }) => trained?.ids.has(id)).length
  if (seen > 0) warn(`${seen} of ${images.length} images were trained on`)
  const { people, samples, paraphrases } = options
  const evaluation = await evaluate(images, {
    ...known,
    meteor: startMeteor({ paraphrases }),
    paraphrases: paraphrases !== undefined,
    samples,
    people,
    other: others === undefined ? undefined : otherCaptions(others, images, options),
  })
  const title = `Captions of ${[options.candidates ?? options.bundle ?? 'the shipped captioner']
    .flat()
    .map((path) => basename(path))
    .join(' + ')}`
  try {
    await writeOutputs(options, { title, evaluation, images, warnings }, folder, warn)
  } finally {
    // Last: the command ends here if its reader has gone. And in any case: a file that cannot be written takes no scores away.
    process.stdout.write(textReport(evaluation))
  }
}

async function checkAhead(options: Options): Promise<void> {
  checkSamples(options.samples, '--samples')
  await makeOutputs(options)
  if (options.paraphrases !== undefined) await checkParaphrases(options.paraphrases)
}

/**
 * The captioner's captions of the photos of the references, with confidences where they mean something.
 * @param others those of `--compare`
 */
async function captionPhotos(
  references: readonly CaptionedImage[],
  folder: PhotoFolder | undefined,
  options: Options,
  others: OtherCaptions | undefined,
  warn: (warning: string) => void,
): Promise<Candidate[]> {
  if (folder === undefined)
    throw expected('--candidates, or --images to caption', 'showtell evaluate', 'neither')
  await checkPhotos(references, folder, options, others)
  const request = captionRequest(options)
  // Loaded here, so that scoring a file needs no model.
  const { loadCaptioner } = await import('../decoder/captioner.js')
  const captioner = await loadCaptioner(options.bundle)
  try {
    const { calibrated, name } = captioner.model
    if (!calibrated && options.reliability !== undefined)
      throw expected('a captioner that is calibrated', '--reliability', name)
    if (!calibrated) warn(`confidences are left out, since ${name} is not calibrated`)
    const found = await captionsIn(folder, references, captioner, request, 'caption', (problem, { file }) =>
      warn(`no caption for ${file}: ${problem.message}`),
    )
    return found.map(({ photo: { id }, caption: { text, confidence } }) => ({
      image: id,
      caption: text,
      ...(calibrated ? { confidence } : {}),
    }))
  } finally {
    await captioner.close()
  }
}

/** What scoring would stumble over once the photos are captioned. Those that cannot be read are not scored. */
async function checkPhotos(
  references: readonly CaptionedImage[],
  folder: PhotoFolder,
  options: Options,
  others: OtherCaptions | undefined,
): Promise<void> {
  checkApart(
    references.map(({ file }) => file),
    (file) => folder.nameOf(file),
    folder.path,
  )
  const lonely = options.people ? references.filter(({ captions }) => captions.length < 2) : []
  const one = await firstReadable(lonely, folder)
  if (one !== undefined) checkPeople([{ id: one.id, references: one.captions }])
  const lacking = others === undefined ? [] : references.filter(({ id }) => !others.has(id))
  const other = await firstReadable(lacking, folder)
  if (others !== undefined && other !== undefined) otherCaptions(others, [other], options)
}

/** Captions by the ids of their images. */
type OtherCaptions = ReadonlyMap<string, string>

function captionsById(images: readonly ScoredImage[]): OtherCaptions {
  return new Map(images.map(({ id, candidate }) => [id, candidate]))
}

/** The captions of `--compare` of the images, in their order. */
function otherCaptions(
  others: OtherCaptions,
  images: readonly { readonly id: string }[],
  { compare, candidates = CAPTIONER }: Options,
): string[] {
  return images.map(({ id }) => {
    const caption = others.get(id)
    if (caption === undefined)
      throw expected(`a caption of image ${id}, as of ${candidates},`, compare!, 'none', 'INVALID_DATA')
    return caption
  })
}
