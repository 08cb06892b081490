import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import { FeatureStore } from '../data/feature-store.js'
import { whileLocked } from '../data/lock.js'
import { Vocabulary } from '../data/vocabulary.js'
import { Decoder, decoderConfigSchema } from '../decoder/decoder.js'
import { checkWordMemory } from '../decoder/photo-words.js'
import { settled, trainingConfigSchema } from '../decoder/recipe.js'
import { decodeImage } from '../encoder/image.js'
import { checkReplaceable, fileSum } from '../engine/folder.js'
import { dataSum } from '../engine/training-state.js'
import { useBackend } from '../engine/use-backend.js'
import { ShowtellError } from '../errors.js'
import { lessonsOf } from './compare/lessons.js'
import { curves, markdown, rowsOf, type Tried } from './compare/report.js'
import { bundleOf, type Candidate, eventsOf, runTrial, type Setup } from './compare/trial.js'
import { VARIANTS, variantsOf } from './compare/variants.js'
import { interruptible, tellStopped } from './interrupt.js'
import { preparedEncoder } from './prepared-encoder.js'
import { fromOptions, number } from './schema-options.js'
import { addTrainingOptions, SHAPE, shapeSchema, type TrainingOptions } from './training-options.js'
import { keepVocabulary, readSets, storedPhotos } from './training-photos.js'
import { writeWhole } from './whole-file.js'

interface Options extends TrainingOptions {
  features: string
  variants: string[]
  steps: number
  validations: number
  photo: string
  out: string
}

const budgetSchema = z.strictObject({ steps: z.int().min(1), validations: z.int().min(1) })

/** What of the recipe one gives. The budget says how long; an encoder that is trained too needs photos. */
const RECIPE = trainingConfigSchema.omit({
  epochs: true,
  fineTuneEncoder: true,
  encoderLearningRate: true,
  distillationWeight: true,
})
/** The whole training is one pass over the lessons. */
const EPOCHS = 1

/** `showtell compare`: variants of the captioner under one budget. */
export function register(program: Command): void {
  const command = program
    .command('compare')
    .description('train variants of the captioner under one budget and compare them; run again to go on')
    .requiredOption('--out <folder>', 'where the table goes, and a folder a variant')
    .requiredOption('--features <folder>', 'feature store made by prepare')
    .requiredOption('--photo <file>', 'a photo that every variant captions once it is exported')
    .option(
      '--variants <name...>',
      `JSON files {"name": {"cell": "gru", …}}, or of ${Object.keys(VARIANTS).join(', ')}; all of these when absent`,
      [],
    )
    .option('--steps <n>', 'the budget: steps of each variant', number('--steps'), 300)
    .option('--validations <n>', 'points of the validation curves', number('--validations'), 5)
  addTrainingOptions(command, RECIPE).action((options: Options) =>
    whileLocked(options.out, () => compare(options)),
  )
}

async function compare(options: Options): Promise<void> {
  const signal = interruptible()
  const { steps, validations } = fromOptions(budgetSchema, options)
  const shape = fromOptions(shapeSchema, options)
  // A variant has no teachers.
  const { distillationWeight: _, ...recipe } = settled(
    fromOptions(trainingConfigSchema, options, { epochs: EPOCHS }),
    steps,
  )
  const variants = await variantsOf(options.variants, [
    ...SHAPE,
    // Of another size of batches the budget would be another.
    ...Object.keys(RECIPE.shape).filter((name) => name !== 'imagesPerBatch'),
  ])
  // A photo that does not open shows before the training.
  await decodeImage(options.photo, 1)
  const photo = { path: options.photo, sha256: await fileSum(options.photo) }
  const engine = await useBackend(options.engine)
  const features = FeatureStore.open(options.features)
  const encoder = await preparedEncoder(features, options, engine)
  const { styles, train, validation, summary } = await readSets(options.data, storedPhotos(features))
  const vocabulary = Vocabulary.build(
    train.flatMap(({ captions }) => captions),
    { minimumCount: options.minimumCount, styles },
  )
  const folders = await readdir(options.out)
  const begun = folders.some((name) => existsSync(join(options.out, name, 'settings.json')))
  await keepVocabulary(join(options.out, 'vocabulary.json'), vocabulary, begun)
  const { regions, channels } = features.header
  const fixed = { vocabularySize: vocabulary.size, regions, channels }
  const candidates = variants.map(({ name, changes }): Candidate => {
    const decoder = new Decoder(fromOptions(decoderConfigSchema, { ...shape, ...changes }, fixed))
    const candidate = {
      name,
      changes,
      decoder,
      recipe: fromOptions(trainingConfigSchema, { ...recipe, ...changes }),
    }
    // Not when its turn comes, hours later.
    checkWordMemory(decoder, candidate.recipe, `photoWordsWeight of ${name}`)
    return candidate
  })
  for (const { name } of candidates) await checkReplaceable(bundleOf(options.out, name))
  const { imagesPerBatch, seed } = recipe
  const lessons = lessonsOf(train, steps * imagesPerBatch, seed)
  const setup: Setup = {
    ...{ out: options.out, features, vocabulary, validation, steps, encoder, summary },
    photo,
    lessons,
    validateEvery: Math.ceil(steps / validations),
    style: styles.at(-1)!,
    dataSum: dataSum([train, validation, lessons.map(({ key, pass }) => [key, pass])]),
  }
  process.stderr.write(
    `${candidates.length} variants, ${steps} steps each; ${train.length} photos to train, ${validation.length} to validate, ${vocabulary.wordCount} words, engine ${engine}\n`,
  )
  const tried: Tried[] = []
  const circumstances = {
    ...{ steps, imagesPerBatch, summary, engine, photo: basename(options.photo) },
    validationPhotos: validation.length,
    common: { ...shape, ...recipe },
  }
  for (const [i, candidate] of candidates.entries()) {
    const { name, changes } = candidate
    process.stderr.write(`${i + 1} of ${candidates.length}: ${name}\n`)
    const trial = signal.aborted ? undefined : await runTrial(candidate, setup, signal).catch(diverged(name))
    if (trial === 'diverged') continue
    if (trial === undefined) return tellStopped(`at ${name}`)
    tried.push({ ...trial, name, changes, events: await eventsOf(options.out, name) })
    const rows = rowsOf(tried, validation)
    const found = `${JSON.stringify({ ...circumstances, rows }, null, 1)}\n`
    await writeWhole(join(options.out, 'compare.json'), found)
    await writeWhole(join(options.out, 'compare.svg'), curves(tried))
    await writeWhole(join(options.out, 'compare.md'), markdown(rows, circumstances))
  }
  if (tried.length > 0) process.stderr.write(`wrote ${join(options.out, 'compare.md')}\n`)
}

/** A variant whose numbers leave those that can be reckoned with says so; the others go on. */
function diverged(name: string): (error: unknown) => 'diverged' {
  return (error) => {
    if (!(error instanceof ShowtellError) || error.code !== 'NUMERIC') throw error
    process.stderr.write(`left out: ${name}: ${error.message}\n`)
    process.exitCode = 1
    return 'diverged'
  }
}
