import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CONFIG, readJson, replaceFolder, sumsOf, verifySums } from '../engine/folder.js'
import type { Parameter } from '../engine/ops.js'
import { inFloat16, readSafetensors, type SafetensorsFile, writeSafetensors } from '../engine/safetensors.js'
import { findBundle } from '../engine/shipped.js'
import { expected } from '../errors.js'

const WEIGHTS = 'model.safetensors'

const configSchema = z.strictObject({
  version: z.literal(1),
  /** Which model it is: a bundle of one kind is no bundle of another. */
  kind: z.string(),
  model: z.unknown(),
  /** How it was trained, for people. */
  training: z.record(z.string(), z.unknown()),
  /** sha256 of each other file. */
  files: z.record(z.string().regex(/^\w[\w.-]*$/), z.string()),
})

/** A model of language on disk, verified. */
export interface LanguageBundle<M> {
  readonly path: string
  readonly model: M
  readonly training: Readonly<Record<string, unknown>>
  readonly weights: SafetensorsFile
}

export interface LanguageContent {
  readonly kind: string
  readonly model: unknown
  readonly training: Readonly<Record<string, unknown>>
  readonly parameters: readonly Parameter[]
  readonly weights: Readonly<Record<string, Float32Array>>
  /** Graphs by file name, recorded over the weights as they are stored; `file` is their name as a graph sees it. */
  readonly graphs?: (weights: SafetensorsFile, file: string) => Readonly<Record<string, Uint8Array>>
}

/**
 * Writes a folder aside and renames it: `config.json`, `model.safetensors` (float16) and graphs.
 * @throws ShowtellError INVALID_ARGUMENT or NUMERIC naming a weight that does not fit, or what else is at `path`.
 */
export async function writeLanguageBundle(path: string, content: LanguageContent): Promise<void> {
  const { kind, model, training, parameters, weights, graphs } = content
  await replaceFolder(path, async (folder) => {
    const halves = parameters.map(({ name, shape }) => inFloat16(name, shape, weights[name]))
    await writeSafetensors(join(folder, WEIGHTS), halves, { format: 'showtell' })
    const recorded = graphs?.(await readSafetensors(join(folder, WEIGHTS)), WEIGHTS) ?? {}
    for (const [name, bytes] of Object.entries(recorded)) await writeFile(join(folder, name), bytes)
    const files = await sumsOf(folder, [WEIGHTS, ...Object.keys(recorded)])
    const config = { version: 1, kind, model, training, files }
    await writeFile(join(folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`)
  })
}

/**
 * Opens a bundle of one kind and verifies its sums, and the shapes of its weights by the model that they are of.
 * @param place its folder, or the name of one that ships
 * @param schema of `model` in its `config.json`
 * @throws ShowtellError NOT_FOUND, or INVALID_BUNDLE naming the file or the weight that does not fit.
 */
export async function readLanguageBundle<C, M extends { readonly parameters: readonly Parameter[] }>(
  place: string,
  kind: string,
  schema: z.ZodType<C>,
  modelOf: (config: C) => M,
): Promise<LanguageBundle<M> & { readonly config: C }> {
  const { path, file } = await findBundle(place, kind)
  const { files, training, model: stored } = await readJson(file, (value) => configSchema.parse(value))
  const { config, model } = await readJson(file, () => {
    const config = schema.parse(stored)
    return { config, model: modelOf(config) }
  })
  if (files[WEIGHTS] === undefined)
    throw expected('its sha256', `files.${WEIGHTS} in ${file}`, undefined, 'INVALID_BUNDLE')
  await verifySums(path, files)
  const weights = await readSafetensors(join(path, WEIGHTS))
  weights.expectShapes(model.parameters)
  return { path, config, model, training, weights }
}
