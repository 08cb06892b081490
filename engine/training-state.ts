import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { expected } from '../errors.js'
import type { AdamW } from './optimiser.js'
import { readSafetensors, type SafetensorsFile, writeSafetensors } from './safetensors.js'

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
 * @param config what the state belongs to.
 * @param others what else the training carries from step to step.
 */
export async function saveState(
  path: string,
  optimiser: AdamW,
  config: unknown,
  others: Readonly<Record<string, Float32Array>> = {},
): Promise<void> {
  await writeArrays(
    path,
    { ...optimiser.state, ...others },
    { step: String(optimiser.step), config: JSON.stringify(config) },
  )
}

/**
 * Goes on from a saved state.
 * @returns the file, for what else was saved; undefined where there is none.
 * @throws ShowtellError INVALID_BUNDLE for a state of another training.
 */
export async function restoreState(
  path: string,
  optimiser: AdamW,
  config: unknown,
): Promise<SafetensorsFile | undefined> {
  const file = await readArrays(path)
  if (file === undefined) return undefined
  const own = JSON.stringify(config)
  if (file.metadata.config !== own)
    throw expected(`the training settings ${file.metadata.config}`, path, own, 'INVALID_BUNDLE')
  optimiser.restore(Number(file.metadata.step), (name) => file.float32(name).data)
  return file
}
