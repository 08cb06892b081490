import { createHash } from 'node:crypto'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Vocabulary } from '../data/vocabulary.js'
import { type Array32, type Encoder, parametersOf, regionsOf } from '../encoder/encoder.js'
import { ENCODERS, encoderByName } from '../encoder/encoders.js'
import { type GraphShape, graphShape, MOBILENET_GRAPH } from '../encoder/graph-shape.js'
import { CONFIG, readJson, replaceFolder, sumsOf, verifySums } from '../engine/folder.js'
import { inFloat16, readSafetensors, type SafetensorsFile, writeSafetensors } from '../engine/safetensors.js'
import { findBundle } from '../engine/shipped.js'
import { expected } from '../errors.js'
import { reliabilityDiagram } from '../metrics/reliability.js'
import { prefixed } from '../rnn/cell.js'
import { cardScoresSchema } from './card-scores.js'
import type { Confidence } from './confidence.js'
import { Decoder, decoderConfigSchema } from './decoder.js'
import { exportDecoder, exportEncoder } from './export.js'
import { diagramOf, modelCard } from './model-card.js'
import { validate } from './validate.js'

export const ENCODER_GRAPH = 'encoder.onnx'
export const DECODER_GRAPH = 'decoder.onnx'
const WEIGHTS = 'model.safetensors'
const VOCABULARY = 'vocabulary.json'
const CARD = 'README.md'
/** Where a graph of TensorFlow.js lies with its shards. */
const GRAPH_FOLDER = 'encoder'
export const GRAPH = `${GRAPH_FOLDER}/model.json`
/** What is read when a bundle is opened, beside the shards of a graph. */
const FILES = [WEIGHTS, ENCODER_GRAPH, DECODER_GRAPH, VOCABULARY] as const
const GRAPH_FILES = [WEIGHTS, GRAPH, VOCABULARY] as const

const encoderSchema = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.enum(Object.keys(ENCODERS)),
    source: z.string(),
    /** Side of the square that photos become, where it is not the encoder's own. */
    imageSize: z.int().optional(),
  }),
  z.strictObject({
    name: z.literal(MOBILENET_GRAPH),
    source: z.string(),
    inputRange: z.tuple([z.number(), z.number()]),
    grid: z.tuple([z.int().min(1), z.int().min(1)]),
    channels: z.int().min(1),
  }),
])

const configSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().min(1),
  encoder: encoderSchema,
  decoder: decoderConfigSchema,
  /** The style to speak in when none is asked for. */
  defaultStyle: z.string(),
  /** Logistic regression of an object being named rightly, see `confidence.ts`. */
  confidence: z
    .strictObject({
      weights: z.tuple([z.number(), z.number(), z.number(), z.number()]),
      objects: z.record(z.string(), z.number()),
      calibration: z.string(),
    })
    .optional(),
  /** What it may be used for, given what it learnt from: a sentence or two for people. */
  terms: z.string().min(1).optional(),
  /** How well it does on sets of photos, for people. */
  scores: z.array(cardScoresSchema).optional(),
  /** How it was trained, for people. */
  training: z.record(z.string(), z.unknown()),
  /** sha256 of each other file. */
  files: z.record(z.string().regex(/^(encoder\/)?\w[\w.-]*$/), z.string()),
})
export type BundleConfig = z.infer<typeof configSchema>

/** What its maker says of a bundle. */
export const statedSchema = configSchema.pick({ name: true, terms: true })

/** A captioner on disk, verified. */
export interface Bundle {
  readonly path: string
  readonly config: BundleConfig
  readonly vocabulary: Vocabulary
  readonly encoder: Encoder | GraphShape
  readonly decoder: Decoder
  readonly weights: SafetensorsFile
}

/** What makes a bundle; weights by the names of the encoder's `importWeights` and of the decoder's parameters. */
export interface BundleContent {
  readonly config: Omit<BundleConfig, 'version' | 'files'>
  readonly vocabulary: Vocabulary
  /** None where the encoder is a graph. */
  readonly encoderWeights: Readonly<Record<string, Array32>>
  /** Of a graph. */
  readonly encoderFiles?: ReadonlyMap<string, Uint8Array>
  readonly decoderWeights: Readonly<Record<string, Float32Array>>
}

/**
 * Writes a bundle aside and renames it, so that `path` always opens: as what was there, or as the new one. Weights
 * become float16, each stored once: the ONNX graphs refer to them inside `model.safetensors`. An encoder that is a graph
 * goes along as it is, without ONNX graphs.
 * @throws ShowtellError INVALID_ARGUMENT naming what of the config is wrong or what else is at `path`, or, as NUMERIC, a
 * weight that does not fit.
 */
export async function writeBundle(path: string, content: BundleContent): Promise<void> {
  await replaceFolder(path, (folder) => writeFiles(folder, content))
}

async function writeFiles(folder: string, content: BundleContent): Promise<void> {
  const encoder = encoderOf(content.config)
  const decoder = new Decoder(content.config.decoder)
  await writeSafetensors(
    join(folder, WEIGHTS),
    [
      ...Object.entries(content.encoderWeights).map(([name, { shape, data }]) =>
        inFloat16(`encoder.${name}`, shape, data),
      ),
      ...decoder.parameters.map(({ name, shape }) =>
        inFloat16(`decoder.${name}`, shape, content.decoderWeights[name]),
      ),
    ],
    { format: 'showtell' },
  )
  await writeFile(join(folder, VOCABULARY), `${JSON.stringify(content.vocabulary)}\n`)
  await writeFile(join(folder, CARD), modelCard(content))
  const files = new Set<string>([WEIGHTS, VOCABULARY])
  const add = async (file: string, bytes: Uint8Array): Promise<void> => {
    await writeFile(join(folder, file), bytes)
    files.add(file)
  }
  if (isGraph(encoder)) {
    if (content.encoderFiles === undefined) throw expected('the files of a graph', 'encoderFiles', undefined)
    await mkdir(join(folder, GRAPH_FOLDER))
    for (const [name, bytes] of content.encoderFiles) await add(`${GRAPH_FOLDER}/${name}`, bytes)
  } else {
    const weights = await readSafetensors(join(folder, WEIGHTS))
    await add(ENCODER_GRAPH, exportEncoder(encoder, decoder, weights, WEIGHTS))
    await add(DECODER_GRAPH, exportDecoder(decoder, weights, WEIGHTS))
  }
  const config = checked({ version: 1, ...content.config, files: await sumsOf(folder, files) })
  await writeFile(join(folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`)
}

/** No bundle is written that does not open. */
function checked(config: BundleConfig): BundleConfig {
  return validate(configSchema, config, CONFIG)
}

/** Whether an encoder is a graph that TensorFlow.js alone runs. */
export function isGraph(encoder: Encoder | GraphShape): encoder is GraphShape {
  return 'inputRange' in encoder
}

function encoderOf({ encoder }: Pick<BundleConfig, 'encoder'>): Encoder | GraphShape {
  return 'inputRange' in encoder ? graphShape(encoder) : encoderByName(encoder.name, encoder.imageSize)
}

/**
 * The encoder of a bundle to compute with, for photos of another size where one is given.
 * @throws ShowtellError INVALID_ARGUMENT where it is a graph, or does not take that size.
 */
export function encoderAt({ path, encoder }: Bundle, imageSize?: number): Encoder {
  if (isGraph(encoder)) throw expected('an encoder with weights', path, encoder.name)
  return imageSize === undefined ? encoder : encoderByName(encoder.name, imageSize)
}

/** Gives a bundle another calibration; what was measured of the one before is forgotten. */
export async function rewriteConfidence(place: string, confidence: Confidence): Promise<void> {
  await rewriteBundle(place, ({ scores }) => ({
    confidence: { ...confidence, weights: [...confidence.weights], objects: { ...confidence.objects } },
    ...(scores === undefined
      ? {}
      : { scores: scores.map(({ calibration: _, failures, ...rest }) => ({ ...rest, failures: [] })) }),
  }))
}

/**
 * Writes config and card of a bundle anew, and the diagrams that it shows; the weights stay.
 * @param changesOf what takes the place of fields of its config; nothing when absent
 */
export async function rewriteBundle(
  place: string,
  changesOf: (config: Bundle['config']) => Partial<BundleContent['config']> = () => ({}),
): Promise<void> {
  const { path, vocabulary, ...bundle } = await readBundle(place)
  const config = checked({ ...bundle.config, ...changesOf(bundle.config) })
  const diagrams = (config.scores ?? []).flatMap((scores): [string, string][] =>
    scores.calibration === undefined ? [] : [[diagramOf(scores), reliabilityDiagram(scores.calibration)]],
  )
  for (const file of await readdir(path))
    if (/^reliability-.*\.svg$/.test(file) && !diagrams.some(([name]) => name === file))
      await rm(join(path, file))
  for (const [file, text] of [
    ...diagrams,
    [CARD, modelCard({ config, vocabulary })],
    [CONFIG, `${JSON.stringify(config, null, 2)}\n`],
  ] as const) {
    await writeFile(join(path, `${file}.part`), text)
    await rename(join(path, `${file}.part`), join(path, file))
  }
}

/**
 * Opens a bundle and verifies sums, shapes and vocabulary before anything is built.
 * @param place its folder, or the name of one that ships
 * @throws ShowtellError NOT_FOUND, or INVALID_BUNDLE naming the file or the weight that does not fit.
 */
export async function readBundle(place: string): Promise<Bundle> {
  const { path, file: configFile } = await findBundle(place, 'captioner')
  const { config, decoder, encoder } = await readJson(configFile, (value) => {
    const config = configSchema.parse(value)
    return { config, decoder: new Decoder(config.decoder), encoder: encoderOf(config) }
  })
  for (const file of isGraph(encoder) ? GRAPH_FILES : FILES)
    if (config.files[file] === undefined)
      throw expected('its sha256', `files.${file} in ${configFile}`, undefined, 'INVALID_BUNDLE')
  await verifySums(path, config.files)
  const vocabulary = await readJson(join(path, VOCABULARY), (value) => Vocabulary.fromJSON(value))
  const { vocabularySize, regions, channels } = config.decoder
  const fits = (what: string, where: string, found: unknown, wanted: unknown): void => {
    if (String(found) !== String(wanted)) throw expected(what, where, found, 'INVALID_BUNDLE')
  }
  fits(`${vocabularySize} tokens`, join(path, VOCABULARY), vocabulary.size, vocabularySize)
  fits(
    `the ${regionsOf(encoder)} of ${encoder.name}`,
    `regions in ${configFile}`,
    regions,
    regionsOf(encoder),
  )
  fits(`the ${encoder.channels} of ${encoder.name}`, `channels in ${configFile}`, channels, encoder.channels)
  if (!vocabulary.styles.includes(config.defaultStyle))
    throw expected(
      `one of ${vocabulary.styles.join(', ')}`,
      `defaultStyle in ${configFile}`,
      config.defaultStyle,
      'INVALID_BUNDLE',
    )
  const weights = await readSafetensors(join(path, WEIGHTS))
  weights.expectShapes(prefixed('decoder', decoder.parameters))
  if (!isGraph(encoder)) weights.expectShapes(prefixed('encoder', parametersOf(encoder.blocks)))
  return { path, config, vocabulary, decoder, weights, encoder }
}

/** Twelve hexadecimal digits that are equal for equal weights, vocabulary and settings. */
export function versionOf(config: BundleConfig): string {
  // Scores are known after captions have been made; they change nothing of what it says.
  const { scores: _, ...rest } = config
  return createHash('sha256').update(JSON.stringify(rest)).digest('hex').slice(0, 12)
}

/** The weights of a bundle's encoder by their names in `importWeights`; none of a graph. */
export function encoderWeightsOf({ weights }: Pick<Bundle, 'weights'>): Record<string, Array32> {
  return Object.fromEntries(
    [...weights.entries.keys()]
      .filter((name) => name.startsWith('encoder.'))
      .map((name) => [name.slice('encoder.'.length), weights.float32(name)]),
  )
}

/** The values of a bundle's decoder by the names of its parameters. */
export function decoderWeightsOf({
  decoder,
  weights,
}: Pick<Bundle, 'decoder' | 'weights'>): Record<string, Float32Array> {
  return Object.fromEntries(
    decoder.parameters.map(({ name }) => [name, weights.float32(`decoder.${name}`).data]),
  )
}
