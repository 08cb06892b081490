import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Vocabulary } from '../data/vocabulary.js'
import { type Array32, type Encoder, regionsOf } from '../encoder/encoder.js'
import { ENCODERS, encoderByName } from '../encoder/encoders.js'
import {
  readSafetensors,
  type SafetensorsFile,
  type SafetensorsInput,
  toFloat16,
  writeSafetensors,
} from '../engine/safetensors.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import type { Confidence } from './confidence.js'
import { Decoder, decoderConfigSchema } from './decoder.js'
import { exportDecoder, exportEncoder } from './export.js'
import { modelCard } from './model-card.js'

export const ENCODER_GRAPH = 'encoder.onnx'
export const DECODER_GRAPH = 'decoder.onnx'
const WEIGHTS = 'model.safetensors'
const VOCABULARY = 'vocabulary.json'
const CARD = 'README.md'
const CONFIG = 'config.json'
/** What is read when a bundle is opened. */
const FILES = [WEIGHTS, ENCODER_GRAPH, DECODER_GRAPH, VOCABULARY] as const

const configSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().min(1),
  encoder: z.strictObject({ name: z.enum(Object.keys(ENCODERS)), source: z.string() }),
  decoder: decoderConfigSchema,
  /** The style to speak in when none is asked for. */
  defaultStyle: z.string(),
  /** Logistic regression of a caption being right on [1, mean log-probability a word, words]. */
  confidence: z
    .strictObject({ weights: z.tuple([z.number(), z.number(), z.number()]), calibration: z.string() })
    .optional(),
  /** How it was trained, for people. */
  training: z.record(z.string(), z.unknown()),
  /** sha256 of each other file. */
  files: z.record(z.enum(FILES), z.string()),
})
export type BundleConfig = z.infer<typeof configSchema>

/** A captioner on disk, verified. */
export interface Bundle {
  readonly path: string
  readonly config: BundleConfig
  readonly vocabulary: Vocabulary
  readonly encoder: Encoder
  readonly decoder: Decoder
  readonly weights: SafetensorsFile
}

/** What makes a bundle; weights by the names of the encoder's `importWeights` and of the decoder's parameters. */
export interface BundleContent {
  readonly config: Omit<BundleConfig, 'version' | 'files'>
  readonly vocabulary: Vocabulary
  readonly encoderWeights: Readonly<Record<string, Array32>>
  readonly decoderWeights: Readonly<Record<string, Float32Array>>
}

/**
 * Writes a bundle aside and renames it, so that `path` always opens: as what was there, or as the new one. Weights
 * become float16, each stored once: the ONNX graphs refer to them inside `model.safetensors`.
 * @throws ShowtellError INVALID_ARGUMENT or NUMERIC naming a weight that does not fit.
 */
export async function writeBundle(path: string, content: BundleContent): Promise<void> {
  const folder = `${path}.part`
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  try {
    await writeFiles(folder, content)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  const old = oldOf(path)
  if (await exists(path)) {
    await rm(old, { recursive: true, force: true })
    await rename(path, old)
  }
  await rename(folder, path)
  await rm(old, { recursive: true, force: true })
}

/** Where the bundle before stands for the moment between two renames, and stays if a process is killed just then. */
function oldOf(path: string): string {
  return `${path}.old`
}

async function writeFiles(folder: string, content: BundleContent): Promise<void> {
  const encoder = encoderByName(content.config.encoder.name)
  const decoder = new Decoder(content.config.decoder)
  await writeSafetensors(
    join(folder, WEIGHTS),
    [
      ...Object.entries(content.encoderWeights).map(([name, { shape, data }]) =>
        half(`encoder.${name}`, shape, data),
      ),
      ...decoder.parameters.map(({ name, shape }) =>
        half(`decoder.${name}`, shape, content.decoderWeights[name]),
      ),
    ],
    { format: 'showtell' },
  )
  const weights = await readSafetensors(join(folder, WEIGHTS))
  await writeFile(join(folder, ENCODER_GRAPH), exportEncoder(encoder, decoder, weights, WEIGHTS))
  await writeFile(join(folder, DECODER_GRAPH), exportDecoder(decoder, weights, WEIGHTS))
  await writeFile(join(folder, VOCABULARY), `${JSON.stringify(content.vocabulary)}\n`)
  await writeFile(join(folder, CARD), modelCard(content))
  const sums = await Promise.all(FILES.map(async (file) => [file, await sha256(join(folder, file))]))
  const config: BundleConfig = { version: 1, ...content.config, files: Object.fromEntries(sums) }
  await writeFile(join(folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`)
}

/** Gives a bundle another calibration; the weights stay. */
export async function rewriteConfidence(place: string, confidence: Confidence): Promise<void> {
  const { path, vocabulary, ...bundle } = await readBundle(place)
  const config: BundleConfig = {
    ...bundle.config,
    confidence: { ...confidence, weights: [...confidence.weights] },
  }
  for (const [file, text] of [
    [CARD, modelCard({ config, vocabulary })],
    [CONFIG, `${JSON.stringify(config, null, 2)}\n`],
  ] as const) {
    await writeFile(join(path, `${file}.part`), text)
    await rename(join(path, `${file}.part`), join(path, file))
  }
}

/**
 * Opens a bundle and verifies sums, shapes and vocabulary before anything is built.
 * @throws ShowtellError NOT_FOUND, or INVALID_BUNDLE naming the file or the weight that does not fit.
 */
export async function readBundle(place: string): Promise<Bundle> {
  const path = (await exists(place)) ? place : oldOf(place)
  const configFile = join(path, CONFIG)
  if (!(await exists(configFile)))
    throw new ShowtellError('NOT_FOUND', `Expected a bundle with a config.json at ${place} but found none`, {
      where: place,
    })
  const config = await parse(configFile, (value) => configSchema.parse(value))
  for (const file of FILES) {
    const found = await sha256(join(path, file))
    const sum = config.files[file]
    if (found !== sum) throw expected(`sha256 ${sum}`, join(path, file), found, 'INVALID_BUNDLE')
  }
  const vocabulary = await parse(join(path, VOCABULARY), (value) => Vocabulary.fromJSON(value))
  const encoder = encoderByName(config.encoder.name)
  const decoder = new Decoder(config.decoder)
  const { vocabularySize, regions, channels } = config.decoder
  const fits = (what: string, where: string, found: unknown, wanted: unknown): void => {
    if (String(found) !== String(wanted)) throw expected(`${what} ${wanted}`, where, found, 'INVALID_BUNDLE')
  }
  fits('tokens:', join(path, VOCABULARY), vocabulary.size, vocabularySize)
  fits(`regions of ${encoder.name}:`, configFile, regions, regionsOf(encoder))
  fits(`channels of ${encoder.name}:`, configFile, channels, encoder.channels)
  if (!vocabulary.styles.includes(config.defaultStyle))
    throw expected(
      `one of ${vocabulary.styles.join(', ')}`,
      `defaultStyle in ${configFile}`,
      config.defaultStyle,
      'INVALID_BUNDLE',
    )
  const weights = await readSafetensors(join(path, WEIGHTS))
  for (const { name, shape } of decoder.parameters)
    fits('shape', `decoder.${name} in ${weights.path}`, weights.entry(`decoder.${name}`).shape, shape)
  for (const name of encoder.blocks.flat()) weights.entry(`encoder.${name}`)
  return { path, config, vocabulary, decoder, weights, encoder }
}

/** The values of the weights under `prefix.`, by their names without it. */
export function weightsOf(file: SafetensorsFile, prefix: 'encoder' | 'decoder'): Record<string, Array32> {
  return Object.fromEntries(
    [...file.entries.keys()]
      .filter((name) => name.startsWith(`${prefix}.`))
      .map((name) => [name.slice(prefix.length + 1), file.float32(name)]),
  )
}

function half(name: string, shape: readonly number[], values: Float32Array | undefined): SafetensorsInput {
  if (values === undefined) throw expected(`a weight [${shape}]`, name, values)
  // A weight beyond float16 would silently become infinite.
  const lost = values.find((value) => !(Math.abs(value) <= 65504))
  if (lost !== undefined) throw expected('weights within ±65504', name, lost, 'NUMERIC')
  return { name, shape, data: toFloat16(values), type: 'F16' }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

async function parse<R>(file: string, read: (value: unknown) => R): Promise<R> {
  try {
    return read(JSON.parse(await readFile(file, 'utf8')))
  } catch (cause) {
    const what =
      cause instanceof z.ZodError
        ? cause.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
        : messageOf(cause)
    throw new ShowtellError('INVALID_BUNDLE', `Expected a whole ${file} but ${what}`, { where: file, cause })
  }
}

async function sha256(file: string): Promise<string> {
  try {
    return createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
  } catch (cause) {
    throw new ShowtellError('INVALID_BUNDLE', `Expected ${file} but ${messageOf(cause)}`, {
      where: file,
      cause,
    })
  }
}
