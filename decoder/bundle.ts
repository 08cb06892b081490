import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Vocabulary } from '../data/vocabulary.js'
import type { Array32, Encoder } from '../encoder/encoder.js'
import { encoderByName } from '../encoder/encoders.js'
import { readSafetensors, type SafetensorsFile, toFloat16, writeSafetensors } from '../engine/safetensors.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import type { Confidence } from './confidence.js'
import { Decoder, decoderConfigSchema } from './decoder.js'
import { exportDecoder, exportEncoder } from './export.js'
import { modelCard } from './model-card.js'

const configSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().min(1),
  encoder: z.strictObject({ name: z.string(), source: z.string() }),
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
  files: z.record(z.string(), z.string()),
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

export const ENCODER_GRAPH = 'encoder.onnx'
export const DECODER_GRAPH = 'decoder.onnx'
const WEIGHTS = 'model.safetensors'
const VOCABULARY = 'vocabulary.json'
const CARD = 'README.md'
const CONFIG = 'config.json'

/**
 * Writes a bundle into a temporary folder beside `path` and renames it, replacing what was there. Weights become
 * float16, each stored once: the ONNX graphs refer to them inside `model.safetensors`.
 */
export async function writeBundle(path: string, content: BundleContent): Promise<void> {
  const folder = `${path}.${process.pid}.part`
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const encoder = encoderByName(content.config.encoder.name)
  const decoder = new Decoder(content.config.decoder)
  const shapes = new Map(decoder.parameters.map(({ name, shape }) => [name, shape]))
  await writeSafetensors(
    join(folder, WEIGHTS),
    [
      ...Object.entries(content.encoderWeights).map(([name, { shape, data }]) =>
        half(`encoder.${name}`, shape, data),
      ),
      ...Object.entries(content.decoderWeights).map(([name, data]) =>
        half(`decoder.${name}`, shapes.get(name)!, data),
      ),
    ],
    { format: 'showtell' },
  )
  const weights = await readSafetensors(join(folder, WEIGHTS))
  await writeFile(join(folder, ENCODER_GRAPH), exportEncoder(encoder, decoder, weights, WEIGHTS))
  await writeFile(join(folder, DECODER_GRAPH), exportDecoder(decoder, weights, WEIGHTS))
  await writeFile(join(folder, VOCABULARY), `${JSON.stringify(content.vocabulary)}\n`)
  await writeFile(join(folder, CARD), modelCard(content))
  const files: Record<string, string> = {}
  for (const file of [WEIGHTS, ENCODER_GRAPH, DECODER_GRAPH, VOCABULARY])
    files[file] = await sha256(join(folder, file))
  const config: BundleConfig = { version: 1, ...content.config, files }
  await writeFile(join(folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`)
  await rm(path, { recursive: true, force: true })
  await rename(folder, path)
}

/** Gives a bundle another calibration; the weights stay. */
export async function rewriteConfidence(path: string, confidence: Confidence): Promise<void> {
  const bundle = await readBundle(path)
  const config: BundleConfig = {
    ...bundle.config,
    confidence: { ...confidence, weights: [...confidence.weights] },
  }
  for (const [file, text] of [
    [CARD, modelCard({ config, vocabulary: bundle.vocabulary })],
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
export async function readBundle(path: string): Promise<Bundle> {
  if (!(await stat(join(path, CONFIG)).catch(() => undefined)))
    throw new ShowtellError('NOT_FOUND', `Expected a bundle with a config.json at ${path} but found none`, {
      where: path,
    })
  const config = await parse(join(path, CONFIG), (value) => configSchema.parse(value))
  for (const [file, sum] of Object.entries(config.files)) {
    const found = await sha256(join(path, file))
    if (found !== sum) throw expected(`sha256 ${sum}`, join(path, file), found, 'INVALID_BUNDLE')
  }
  const vocabulary = await parse(join(path, VOCABULARY), (value) => Vocabulary.fromJSON(value))
  const decoder = new Decoder(config.decoder)
  if (vocabulary.size !== config.decoder.vocabularySize)
    throw expected(
      `${config.decoder.vocabularySize} words`,
      join(path, VOCABULARY),
      vocabulary.size,
      'INVALID_BUNDLE',
    )
  vocabulary.startOf(config.defaultStyle)
  const weights = await readSafetensors(join(path, WEIGHTS))
  for (const { name, shape } of decoder.parameters) {
    const found = weights.entry(`decoder.${name}`).shape
    if (found.join() !== shape.join())
      throw expected(`shape [${shape}]`, `decoder.${name} in ${join(path, WEIGHTS)}`, found, 'INVALID_BUNDLE')
  }
  return { path, config, vocabulary, decoder, weights, encoder: encoderByName(config.encoder.name) }
}

/** The values of the weights under `prefix.`, by their names without it. */
export function weightsOf(file: SafetensorsFile, prefix: 'encoder' | 'decoder'): Record<string, Array32> {
  return Object.fromEntries(
    [...file.entries.keys()]
      .filter((name) => name.startsWith(`${prefix}.`))
      .map((name) => [name.slice(prefix.length + 1), file.float32(name)]),
  )
}

function half(name: string, shape: readonly number[], values: Float32Array) {
  const data = toFloat16(values)
  // A weight beyond float16 would silently become infinite.
  if (values.some((value) => Math.abs(value) > 65504))
    throw expected('weights within ±65504', name, 'a larger one', 'NUMERIC')
  return { name, shape, data, type: 'F16' as const }
}

async function parse<R>(file: string, read: (value: unknown) => R): Promise<R> {
  try {
    return read(JSON.parse(await readFile(file, 'utf8')))
  } catch (cause) {
    throw new ShowtellError('INVALID_BUNDLE', `Expected a whole ${file} but ${messageOf(cause)}`, {
      where: file,
      cause,
    })
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
