import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Example } from '../../data/batches.js'
import type { FeatureStore } from '../../data/feature-store.js'
import type { Vocabulary } from '../../data/vocabulary.js'
import { writeBundle } from '../../decoder/bundle.js'
import { loadCaptioner } from '../../decoder/captioner.js'
import type { Decoder } from '../../decoder/decoder.js'
import { StoredFeatures } from '../../decoder/photo-features.js'
import { Training, type TrainingConfig, type TrainingEvent } from '../../decoder/training.js'
import { expected } from '../../errors.js'
import { TrainingLog } from '../train-log.js'
import type { OpenedEncoder } from '../training-setup.js'
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
  /** In one pass over them each variant takes the steps it has. */
  readonly lessons: readonly Example[]
  readonly validation: readonly Example[]
  readonly steps: number
  /** Steps from one validation to the next. */
  readonly validateEvery: number
  readonly encoder: OpenedEncoder
  readonly style: string
  /** What was trained on, for people. */
  readonly summary: string
  /** Of the sets: folders of others are not gone on with. */
  readonly dataSum: string
  /** Captioned by every bundle. */
  readonly photo: string
}

/** A line of a variant's `log.jsonl`. */
export interface TrialEvent extends TrainingEvent {
  /** Of this step, without validation but for the last, at whose end the training validates. */
  readonly seconds: number
}

/** What a variant is found to be, once it is trained. */
export interface Trial {
  readonly parameters: number
  /** The words of a caption of each validation photo. */
  readonly captions: readonly (readonly string[])[]
  /** What its bundle says of the photo, and in which engine. */
  readonly caption: string
  readonly engine: string
}

/** Steps that a killed process loses at most. */
const SAVE_EVERY = 100

/**
 * Trains a variant in its folder, writes its bundle and captions the photo with it as the service does. Goes on where it
 * was stopped; of one that is done only the result is read. Its training state is deleted at the end.
 * @returns undefined when `signal` stopped it.
 * @throws ShowtellError INVALID_DATA where the folder holds a variant of other settings.
 */
export async function runTrial(
  candidate: Candidate,
  setup: Setup,
  signal: AbortSignal,
): Promise<Trial | undefined> {
  const { name, decoder, recipe } = candidate
  const folder = join(setup.out, name)
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
    const bundle = join(folder, 'bundle')
    await writeBundle(bundle, {
      config: {
        name,
        encoder: setup.encoder.config,
        decoder: decoder.config,
        defaultStyle: setup.style,
        training: { data: setup.summary, ...recipe, steps },
      },
      vocabulary: setup.vocabulary,
      ...setup.encoder.content,
      decoderWeights: training.weights,
    })
    const trial: Trial = {
      parameters: parametersOf(decoder),
      captions: said,
      ...(await captionOf(bundle, setup.photo)),
    }
    await writeWhole(result, JSON.stringify(trial))
  }
  await rm(join(folder, 'training'), { recursive: true, force: true })
  return JSON.parse(await readFile(result, 'utf8')) as Trial
}

/** The steps of a trial that is done. */
export async function eventsOf(out: string, name: string): Promise<TrialEvent[]> {
  const text = await readFile(join(out, name, 'log.jsonl'), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TrialEvent)
}

/** A folder belongs to what it was begun with. */
async function sameSettings(file: string, settings: Readonly<Record<string, unknown>>): Promise<void> {
  if (!existsSync(file)) return writeWhole(file, `${JSON.stringify(settings, null, 2)}\n`)
  const begun = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  for (const field of new Set([...Object.keys(begun), ...Object.keys(settings)]))
    if (begun[field] !== settings[field])
      throw expected(`${field} ${begun[field]}, as it was begun,`, file, settings[field], 'INVALID_DATA')
}

/** @returns undefined when it was stopped. */
async function train(
  { decoder, recipe }: Candidate,
  { features, vocabulary, lessons, validation, validateEvery }: Setup,
  folder: string,
  signal: AbortSignal,
): Promise<Training | undefined> {
  const training = new Training(
    decoder,
    vocabulary,
    { train: lessons, validation, features: new StoredFeatures(features) },
    recipe,
    folder,
  )
  await training.resume()
  const log = new TrainingLog(folder)
  await log.rewind(training.step)
  let began = performance.now()
  const report = async (event: TrainingEvent): Promise<void> => {
    const seconds = Number(((performance.now() - began) / 1000).toFixed(4))
    const due = event.validationLoss === undefined && event.step % validateEvery === 0
    const timed: TrialEvent = { ...event, ...(due ? await validated(training) : {}), seconds }
    await log.add(timed)
    began = performance.now()
  }
  try {
    await training.run(report, signal, Math.min(validateEvery, SAVE_EVERY))
  } finally {
    log.stop()
  }
  return signal.aborted ? undefined : training
}

async function validated(
  training: Training,
): Promise<Pick<TrainingEvent, 'validationLoss' | 'validationCider'>> {
  const { loss, cider } = await training.validate()
  return { validationLoss: loss, validationCider: cider }
}

async function captionOf(bundle: string, photo: string): Promise<Pick<Trial, 'caption' | 'engine'>> {
  const captioner = await loadCaptioner(bundle)
  try {
    const [captioned] = await captioner.caption([photo])
    if (captioned === undefined || captioned instanceof Error) throw captioned
    return { caption: captioned.captions[0]!.text, engine: captioner.model.engine }
  } finally {
    await captioner.close()
  }
}

function parametersOf({ parameters }: Decoder): number {
  return parameters.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
}
