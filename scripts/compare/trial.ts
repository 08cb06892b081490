import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Example } from '../../data/batches.js'
import type { FeatureStore } from '../../data/feature-store.js'
import type { Vocabulary } from '../../data/vocabulary.js'
import { writeBundle } from '../../decoder/bundle.js'
import { loadCaptioner } from '../../decoder/captioner.js'
import { initialWeights } from '../../decoder/class-directions.js'
import type { Decoder } from '../../decoder/decoder.js'
import { StoredFeatures } from '../../decoder/photo-features.js'
import { statedRecipe, type TrainingConfig } from '../../decoder/recipe.js'
import { Training, type TrainingEvent } from '../../decoder/training.js'
import { readJson } from '../../engine/folder.js'
import { sizeOf } from '../../engine/ops.js'
import { checkBegun } from '../../engine/training-state.js'
import type { PreparedEncoder } from '../prepared-encoder.js'
import { eventsIn, TrainingLog, tellWarmUp } from '../train-log.js'
import { writeWhole } from '../whole-file.js'
import type { Variant } from './variants.js'

/** A variant ready to be trained. */
export interface Candidate extends Variant {
  readonly decoder: Decoder
  readonly recipe: TrainingConfig
}

/** What all variants have in common. */
export interface Setup {
  readonly out: string
  readonly features: FeatureStore
  readonly vocabulary: Vocabulary
  /** In one epoch of them each variant takes the steps it has. */
  readonly lessons: readonly Example[]
  readonly validation: readonly Example[]
  readonly steps: number
  /** Steps from one validation to the next. */
  readonly validateEvery: number
  readonly encoder: PreparedEncoder
  readonly style: string
  /** What was trained on, for people. */
  readonly summary: string
  /** Of the sets: folders of others are not gone on with. */
  readonly dataSum: string
  /** Captioned by every bundle. */
  readonly photo: { readonly path: string; readonly sha256: string }
}

/** A line of a variant's `log.jsonl`. */
export interface TrialEvent extends TrainingEvent {
  /** Of this step, without validation but for the last, at whose end the training validates. */
  readonly seconds: number
}

const trialSchema = z.object({
  parameters: z.int(),
  /** The words of a caption of each validation photo. */
  captions: z.array(z.array(z.string()).readonly()).readonly(),
  /** What its bundle says of the photo, and in which engine. */
  caption: z.string(),
  engine: z.string(),
  /** sha256 of that photo. */
  photo: z.string(),
})

/** What a variant is found to be, once it is trained. */
export type Trial = z.infer<typeof trialSchema>

/** Steps that a killed process loses at most. */
const SAVE_EVERY = 100

/**
 * Trains a variant in its folder, writes its bundle and captions the photo with it as the service does. Goes on where it
 * was stopped; of one that is done only the result is read, and another photo captioned. Its training state is deleted at
 * the end.
 * @returns undefined when `signal` stopped it.
 * @throws ShowtellError INVALID_DATA where the folder holds a variant of other settings, or a file that is damaged.
 */
export async function runTrial(
  candidate: Candidate,
  setup: Setup,
  signal: AbortSignal,
): Promise<Trial | undefined> {
  const { name, decoder, recipe } = candidate
  const folder = join(setup.out, name)
  const bundle = bundleOf(setup.out, name)
  await mkdir(folder, { recursive: true })
  const { steps, validateEvery, dataSum } = setup
  await sameSettings(join(folder, 'settings.json'), {
    ...decoder.config,
    ...recipe,
    ...{ steps, validateEvery, data: dataSum, features: setup.features.header.weights },
  })
  const result = join(folder, 'result.json')
  if (!existsSync(result)) {
    const training = await train(candidate, setup, folder, signal)
    if (training === undefined) return undefined
    const { said } = await training.validate()
    await writeBundle(bundle, {
      config: {
        name,
        encoder: setup.encoder.config,
        decoder: decoder.config,
        defaultStyle: setup.style,
        training: { data: setup.summary, ...statedRecipe(recipe, false), steps },
      },
      vocabulary: setup.vocabulary,
      ...setup.encoder.content,
      decoderWeights: training.weights,
    })
    const trial: Trial = {
      parameters: sizeOf(decoder.parameters),
      captions: said,
      ...(await captionOf(bundle, setup.photo)),
    }
    await writeWhole(result, JSON.stringify(trial))
  }
  await rm(join(folder, 'training'), { recursive: true, force: true })
  const found = await readJson(result, (value) => trialSchema.parse(value), 'INVALID_DATA')
  if (found.photo === setup.photo.sha256) return found
  const trial: Trial = { ...found, ...(await captionOf(bundle, setup.photo)) }
  await writeWhole(result, JSON.stringify(trial))
  return trial
}

/** Where the bundle of a variant goes. */
export function bundleOf(out: string, name: string): string {
  return join(out, name, 'bundle')
}

/** The steps of a trial that is done. */
export async function eventsOf(out: string, name: string): Promise<TrialEvent[]> {
  return (await eventsIn(join(out, name, 'log.jsonl'))) as TrialEvent[]
}

/** A folder belongs to what it was begun with. */
async function sameSettings(file: string, settings: Readonly<Record<string, unknown>>): Promise<void> {
  if (!existsSync(file)) return writeWhole(file, `${JSON.stringify(settings, null, 2)}\n`)
  const begun = await readJson(file, (value) => settingsSchema.parse(value), 'INVALID_DATA')
  checkBegun(begun, settings, file, 'INVALID_DATA')
}

const settingsSchema = z.record(z.string(), z.unknown())

/** @returns undefined when it was stopped. */
async function train(
  { decoder, recipe }: Candidate,
  { features, vocabulary, lessons, validation, validateEvery, encoder }: Setup,
  folder: string,
  signal: AbortSignal,
): Promise<Training | undefined> {
  const training = new Training(
    decoder,
    vocabulary,
    { train: lessons, validation, features: new StoredFeatures(features) },
    recipe,
    folder,
    initialWeights(decoder, recipe.seed, encoder.classifier),
  )
  await training.resume()
  tellWarmUp(training.config.warmUpSteps, training.totalSteps)
  await new TrainingLog(folder).follow(training.step, (add) => {
    let began = performance.now()
    const report = async (event: TrainingEvent): Promise<void> => {
      const seconds = Number(((performance.now() - began) / 1000).toFixed(4))
      const due = event.validationLoss === undefined && event.step % validateEvery === 0
      const timed: TrialEvent = { ...event, ...(due ? await validated(training) : {}), seconds }
      await add(timed)
      began = performance.now()
    }
    return training.run(report, signal, Math.min(validateEvery, SAVE_EVERY))
  })
  return signal.aborted ? undefined : training
}

async function validated(
  training: Training,
): Promise<Pick<TrainingEvent, 'validationLoss' | 'validationCider'>> {
  const { loss, cider } = await training.validate()
  return { validationLoss: loss, validationCider: cider }
}

async function captionOf(
  bundle: string,
  { path, sha256 }: Setup['photo'],
): Promise<Pick<Trial, 'caption' | 'engine' | 'photo'>> {
  const captioner = await loadCaptioner(bundle)
  try {
    const [captioned] = await captioner.caption([path])
    if (captioned === undefined || captioned instanceof Error) throw captioned
    return { caption: captioned.captions[0]!.text, engine: captioner.model.engine, photo: sha256 }
  } finally {
    await captioner.close()
  }
}
