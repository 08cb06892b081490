import { resolve } from 'node:path'
import type { CaptionedImage } from '../data/captions.js'
import type { PhotoFolder } from '../data/photo-files.js'
import { jsonOf } from '../data/readers/reader.js'
import { readParts } from '../data/splits.js'
import { readText } from '../data/text-file.js'
import { tokenize } from '../data/tokenizer.js'
import { messageOf } from '../errors.js'
import type { ScoredImage } from '../metrics/candidates.js'
import { DocumentFrequencies } from '../metrics/cider.js'
import type { Evaluation } from '../metrics/evaluation.js'
import { reliabilityDiagram } from '../metrics/reliability.js'
import { extremes, htmlReport, type Report } from '../metrics/report.js'
import { makePlace, writeWhole } from './whole-file.js'

/** Longer side of a picture in the report, pixels: twice what a column shows, for screens with two pixels in one. */
const PICTURE_SIDE = 480

/** Files that an evaluation is written to. */
export interface Outputs {
  readonly json?: string
  readonly html?: string
  readonly reliability?: string
  readonly extremes?: string
  readonly saveDocumentFrequencies?: string
}

/** Makes the folders of the files. @throws ShowtellError INVALID_ARGUMENT naming one that cannot be written. */
export async function makeOutputs({
  json,
  html,
  reliability,
  extremes,
  saveDocumentFrequencies,
}: Outputs): Promise<void> {
  for (const place of [json, html, reliability, extremes, saveDocumentFrequencies])
    if (place !== undefined) await makePlace(place)
}

/**
 * Writes an evaluation to the files that are asked for.
 * @param folder of the photos that the report shows
 * @param warn hears of those that it cannot show
 */
export async function writeOutputs(
  { json, html, reliability, extremes, saveDocumentFrequencies }: Outputs,
  report: Omit<Report, 'pictures'>,
  folder: PhotoFolder | undefined,
  warn: (warning: string) => void,
): Promise<void> {
  const { evaluation, images, warnings } = report
  if (saveDocumentFrequencies !== undefined)
    await saveFrequencies(
      saveDocumentFrequencies,
      images.map((image) => ({ captions: image.references })),
    )
  if (json !== undefined) await writeWhole(json, `${JSON.stringify({ ...evaluation, warnings }, null, 1)}\n`)
  if (extremes !== undefined) await writeWhole(extremes, extremeCaptions(evaluation, images))
  if (reliability !== undefined && evaluation.calibration !== undefined)
    await writeWhole(reliability, reliabilityDiagram(evaluation.calibration))
  if (html !== undefined) {
    const pictures = await picturesOf(evaluation, images, folder, warn)
    await writeWhole(html, htmlReport({ ...report, pictures }))
  }
}

/**
 * What a captioner was trained on of some files, which `train` takes each with its style.
 * @param references what is scored
 * @returns the captions; of the photos in a file that is `references` the ids, too
 */
export async function trainedOn(
  files: readonly string[],
  references: string,
  warn: (warning: string) => void,
): Promise<{ readonly captions: string[]; readonly ids: ReadonlySet<string> }> {
  const sets = await Promise.all(
    files.map(async (file) => ({
      isScored: resolve(file) === resolve(references),
      train: (await readParts(file, (problem) => warn(problem.message))).train,
    })),
  )
  return {
    captions: sets.flatMap(({ train }) => train.flatMap(({ captions }) => captions)),
    ids: new Set(sets.flatMap(({ isScored, train }) => (isScored ? train.map(({ id }) => id) : []))),
  }
}

/** Writes what CIDEr weighs words by. */
export async function saveFrequencies(
  file: string,
  images: readonly { readonly captions: readonly string[] }[],
): Promise<void> {
  const counted = DocumentFrequencies.of(images.map(({ captions }) => captions.map(tokenize)))
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
async function picturesOf(
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
