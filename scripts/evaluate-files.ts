import type { CaptionedImage } from '../data/captions.js'
import type { PhotoFolder } from '../data/photo-files.js'
import { jsonOf } from '../data/readers/reader.js'
import { readParts } from '../data/splits.js'
import { readText } from '../data/text-file.js'
import { tokenize, words } from '../data/tokenizer.js'
import { messageOf } from '../errors.js'
import type { ScoredImage } from '../metrics/candidates.js'
import { DocumentFrequencies } from '../metrics/cider.js'
import type { Evaluation } from '../metrics/evaluation.js'
import { extremes } from '../metrics/report.js'
import { writeWhole } from './whole-file.js'

/** Longer side of a picture in the report, pixels: twice what a column shows, for screens with two pixels in one. */
const PICTURE_SIDE = 480

/** What a captioner was trained on of these files, which `train` takes each with its style. */
export async function trainingCaptions(
  files: readonly string[],
  warn: (warning: string) => void,
): Promise<string[]> {
  const sets = await Promise.all(files.map((file) => readParts(file, (problem) => warn(problem.message))))
  return sets.flatMap(({ train }) => train.flatMap(({ captions }) => captions))
}

/** Writes what CIDEr weighs words by. */
export async function saveFrequencies(
  file: string,
  images: readonly { readonly captions: readonly string[] }[],
): Promise<void> {
  const counted = DocumentFrequencies.of(
    images.map(({ captions }) => captions.map((caption) => words(tokenize(caption)))),
  )
  await writeWhole(file, JSON.stringify(counted))
}

/** Reads what `saveFrequencies` wrote. @throws ShowtellError NOT_FOUND, INVALID_DATA. */
export async function frequencies(file: string): Promise<DocumentFrequencies> {
  return DocumentFrequencies.fromJSON(jsonOf(await readText(file, 'document frequencies'), file), file)
}

/** The first of some images whose photo can be read, undefined where none can. */
export async function firstReadable(
  images: readonly CaptionedImage[],
  folder: PhotoFolder,
): Promise<CaptionedImage | undefined> {
  // Loaded here, so that scoring a file needs no decoder of photos.
  const { decodeImage } = await import('../encoder/image.js')
  for (const image of images) {
    const isReadable = await decodeImage(folder.placeOf(image.file), 1).then(
      () => true,
      () => false,
    )
    if (isReadable) return image
  }
  return undefined
}

/** The pictures that the report shows. */
export async function picturesOf(
  evaluation: Evaluation,
  images: readonly ScoredImage[],
  folder: PhotoFolder | undefined,
  warn: (warning: string) => void,
): Promise<Map<string, string>> {
  const pictures = new Map<string, string>()
  if (folder === undefined) return pictures
  const { thumbnailOf } = await import('../encoder/image.js')
  const { best, worst } = extremes(evaluation, images)
  for (const { id, file } of [...best, ...worst]) {
    try {
      const { jpeg } = await thumbnailOf(folder.placeOf(file), PICTURE_SIDE)
      pictures.set(id, `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}`)
    } catch (error) {
      warn(`no picture of ${id} in the report: ${messageOf(error)}`)
    }
  }
  return pictures
}

/** The captions with the highest and the lowest CIDEr in COCO's results form, which is also a list of images to score. */
export function extremeCaptions(evaluation: Evaluation, images: readonly ScoredImage[]): string {
  const { best, worst } = extremes(evaluation, images)
  const lines = [...best, ...worst].map(({ id, candidate }) =>
    JSON.stringify({
      // Past 2^53 a number would name another image, and `2019.11` is a name: numbers of images are whole.
      image_id: Number.isSafeInteger(Number(id)) && String(Number(id)) === id ? Number(id) : id,
      caption: candidate,
      CIDEr: Number(evaluation.perImage[id]!.CIDEr!.toFixed(4)),
    }),
  )
  return `[\n${lines.join(',\n')}\n]\n`
}
