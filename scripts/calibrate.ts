import type { Command } from 'commander'
import type { CaptionedImage } from '../data/captions.js'
import { checkApart } from '../data/photo-files.js'
import { tokenize } from '../data/tokenizer.js'
import { rewriteConfidence } from '../decoder/bundle.js'
import { loadCaptioner } from '../decoder/captioner.js'
import { type ConfidenceExample, confidenceOf, fitConfidence, isRight } from '../decoder/confidence.js'
import { expected } from '../errors.js'
import { scoreConfidence } from '../metrics/calibration.js'
import { objectsOf } from '../metrics/objects.js'
import { percent } from '../metrics/report-rows.js'
import { captionsIn } from './caption-batches.js'
import { interruptible } from './interrupt.js'
import { checkOwn } from './kept-bundle.js'
import { leftOut } from './left-out.js'
import { PhotoFolders, readTrainingSet } from './training-photos.js'

/** Fewer validation photos are warned of. */
const FEW = 100

/** `showtell calibrate`: makes the confidence of a bundle mean what it says. */
export function register(program: Command): void {
  program
    .command('calibrate')
    .description('fit the confidence of a bundle on validation photos and write it into the bundle')
    .requiredOption('--bundle <folder>', 'bundle to calibrate')
    .requiredOption(
      '--data <style=captions...>',
      'caption files, as for train; their validation photos are used, but for those with fewer than half as many captions as most',
    )
    .requiredOption('--images <style=folder...>', 'the photos of each style')
    .action(calibrate)
}

/**
 * Without the photos that few people described: what is in a photo and was not said by one person would count as wrong.
 */
function wellDescribed(photos: readonly CaptionedImage[], style: string): readonly CaptionedImage[] {
  const counts = photos.map(({ captions }) => captions.length).sort((a, b) => a - b)
  const half = (counts[Math.floor(counts.length / 2)] ?? 0) / 2
  const kept = photos.filter(({ captions }) => captions.length >= half)
  if (kept.length < photos.length)
    process.stderr.write(
      `${photos.length - kept.length} of ${photos.length} photos of ${style} are left out: they have fewer than half as many captions as most\n`,
    )
  return kept
}

async function calibrate(options: { bundle: string; data: string[]; images: string[] }): Promise<void> {
  await checkOwn(options.bundle)
  const signal = interruptible()
  const folders = new PhotoFolders(options.images)
  const sets = (await Promise.all(options.data.map(readTrainingSet))).map(({ style, validation }) => ({
    style,
    validation: wellDescribed(validation, style),
  }))
  if (sets.every(({ validation }) => validation.length === 0))
    throw expected('validation photos', '--data', 'none', 'INVALID_DATA')
  for (const { style, validation } of sets)
    checkApart(
      validation.map(({ file }) => file),
      (file) => folders.keyOf(file, style),
      folders.folderOf(style).path,
    )
  const captioner = await loadCaptioner(options.bundle)
  const examples: ConfidenceExample[] = []
  try {
    for (const { style, validation } of sets) {
      const folder = folders.folderOf(style)
      const said = await captionsIn(folder, validation, captioner, { style }, style, leftOut, signal)
      for (const { photo, caption } of said)
        examples.push({ ...caption, references: photo.captions.map((reference) => tokenize(reference)) })
    }
  } finally {
    await captioner.close()
  }
  if (examples.length === 0) throw expected('photos that can be read', '--images', 'none', 'INVALID_DATA')
  const named = examples.filter(({ tokens }) => objectsOf(tokens).length > 0)
  const rights = named.filter(isRight).length
  if (rights === 0 || rights === named.length)
    throw expected(
      'captions with right objects alone and others',
      'the validation photos',
      `${rights} right, ${named.length - rights} wrong`,
      'INVALID_DATA',
    )
  if (examples.length < FEW)
    process.stderr.write(
      `only ${examples.length} validation photos: of fewer than ${FEW} the confidence and its figures say little\n`,
    )
  // Each half is measured by the fit of the other; the bundle then gets the fit of all.
  const fits = [1, 0].map((half) => ({
    ...fitConfidence(examples.filter((_, i) => i % 2 === half)),
    calibration: '',
  }))
  const { right, error, auroc } = scoreConfidence(
    examples.map((example, i) => confidenceOf(fits[i % 2], example)),
    examples.map(isRight),
  )
  const calibration =
    `probability that every object named stands in some reference; ${examples.length} validation photos, ` +
    `${percent(right)} of captions right; each half by the fit of the other: expected calibration error ${error.toFixed(3)}, AUROC ${auroc.toFixed(3)}`
  await rewriteConfidence(options.bundle, { ...fitConfidence(examples), calibration })
  process.stdout.write(`${calibration}\n`)
}
