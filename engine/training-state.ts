import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type ErrorCode, expected, messageOf, ShowtellError } from '../errors.js'
import type { AdamW } from './optimiser.js'
import { readSafetensors, type SafetensorsFile, writeSafetensors } from './safetensors.js'

type Fields = Readonly<Record<string, unknown>>

/** What happened at a step of a training; one line of its `log.jsonl`. */
export interface StepEvent {
  readonly step: number
  readonly totalSteps: number
  /** Nats, with dropout. */
  readonly loss: number
  /** Before clipping. */
  readonly gradientNorm: number
  readonly learningRate: number
  /** Nats on what is not learnt from, averaged weights, without dropout; where it was measured after this step. */
  readonly validationLoss?: number
}

/** sha256 of what a training learns from; a state that says it goes on with the same only. */
export function dataSum(data: unknown): string {
  return createHash('sha256').update(JSON.stringify(data)).digest('hex')
}

/**
 * Holds what is to go on to what it was begun with, JSON to JSON.
 * @param where the file that says what it was begun with.
 * @throws ShowtellError naming the first field, at any depth, that is another now.
 */
export function checkBegun(begun: Fields, now: Fields, where: string, code: ErrorCode): void {
  for (const field of new Set([...Object.keys(begun), ...Object.keys(now)])) {
    const [before, after] = [begun[field], now[field]]
    if (isFields(before) && isFields(after)) checkBegun(before, after, where, code)
    else if (JSON.stringify(before) !== JSON.stringify(after))
      throw expected(begunWith(field, before), where, isSum(after) ? 'something else' : after, code)
  }
}

function begunWith(field: string, value: unknown): string {
  if (!isSum(value)) return `${field} ${JSON.stringify(value) ?? 'none'}, as it was begun,`
  return `the same ${field === 'data' ? 'data (captions, photos or texts)' : field} as it was begun with`
}

/** Whether it is a sha256, whose digits tell people nothing. */
function isSum(value: unknown): boolean {
  return typeof value === 'string' && /^[\da-f]{64}$/.test(value)
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Arrays by name with notes, float32, written aside and renamed. */
export async function writeArrays(
  path: string,
  arrays: Readonly<Record<string, Float32Array>>,
  notes: Readonly<Record<string, string>>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const tensors = Object.entries(arrays).map(([name, data]) => ({
    name,
    type: 'F32' as const,
    shape: [data.length],
    data,
  }))
  await writeSafetensors(path, tensors, notes)
}

/** Undefined where there is no such file. @throws ShowtellError INVALID_BUNDLE for one that is broken. */
export async function readArrays(path: string): Promise<SafetensorsFile | undefined> {
  return readSafetensors(path).catch((error) => {
    if (error.code === 'NOT_FOUND') return undefined
    throw error
  })
}

/**
 * Everything needed to go on with a training.
 * @param config what the state belongs to; `data` in it is the `dataSum` of what is learnt from.
 * @param others what else the training carries from step to step.
 * @param notes the same in words, as metadata.
 */
export async function saveState(
  path: string,
  optimiser: AdamW,
  config: Fields,
  others: Readonly<Record<string, Float32Array>> = {},
  notes: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeArrays(
    path,
    { ...optimiser.state, ...others },
    { ...notes, step: String(optimiser.step), config: JSON.stringify(config) },
  )
}

/**
 * Goes on from a saved state.
 * @returns the file, for what else was saved; undefined where there is none.
 * @throws ShowtellError INVALID_BUNDLE for a state of another training, with what to do.
 */
export async function restoreState(
  path: string,
  optimiser: AdamW,
  config: Fields,
): Promise<SafetensorsFile | undefined> {
  const file = await readArrays(path)
  if (file === undefined) return undefined
  const begun = JSON.parse(file.metadata.config ?? '{}') as Fields
  try {
    checkBegun(begun, config, path, 'INVALID_BUNDLE')
  } catch (problem) {
    const remedy = `another --out, or this one without ${dirname(path)}, begins anew`
    throw new ShowtellError('INVALID_BUNDLE', `${messageOf(problem)}; ${remedy}`, { where: path })
  }
  optimiser.restore(Number(file.metadata.step), (name) => file.float32(name).data)
  return file
}
