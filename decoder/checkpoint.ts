import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AdamW } from '../engine/optimiser.js'
import { readSafetensors, writeSafetensors } from '../engine/safetensors.js'
import { expected } from '../errors.js'

/** The averaged weights that were best on validation. */
export interface Best {
  readonly weights: Readonly<Record<string, Float32Array>>
  readonly step: number
  readonly cider: number
}

/** What a training leaves on disk: the last state, to go on with, and the best weights. */
export class Checkpoint {
  private readonly last: string
  private readonly best: string

  constructor(
    private readonly folder: string,
    /** What a state belongs to: another configuration does not go on with it. */
    private readonly config: unknown,
  ) {
    this.last = join(folder, 'state.safetensors')
    this.best = join(folder, 'best.safetensors')
  }

  async save(optimiser: AdamW): Promise<void> {
    await this.write(this.last, optimiser.state, {
      step: String(optimiser.step),
      config: JSON.stringify(this.config),
    })
  }

  async saveBest({ weights, step, cider }: Best): Promise<void> {
    await this.write(this.best, weights, { step: String(step), cider: String(cider) })
  }

  /**
   * Goes on from the saved state.
   * @returns false where there is none.
   * @throws ShowtellError INVALID_BUNDLE for a state of another training.
   */
  async restore(optimiser: AdamW): Promise<boolean> {
    const file = await this.read(this.last)
    if (file === undefined) return false
    if (file.metadata.config !== JSON.stringify(this.config))
      throw expected(
        `the training settings ${file.metadata.config}`,
        this.last,
        JSON.stringify(this.config),
        'INVALID_BUNDLE',
      )
    optimiser.restore(Number(file.metadata.step), (name) => file.float32(name).data)
    return true
  }

  /** Undefined before the first validation. */
  async readBest(): Promise<Best | undefined> {
    const file = await this.read(this.best)
    if (file === undefined) return undefined
    const weights = Object.fromEntries(
      [...file.entries.keys()].map((name) => [name, file.float32(name).data]),
    )
    return { weights, step: Number(file.metadata.step), cider: Number(file.metadata.cider) }
  }

  private async write(
    path: string,
    arrays: Readonly<Record<string, Float32Array>>,
    metadata: Record<string, string>,
  ): Promise<void> {
    mkdirSync(this.folder, { recursive: true })
    const tensors = Object.entries(arrays).map(([name, data]) => ({
      name,
      type: 'F32' as const,
      shape: [data.length],
      data,
    }))
    await writeSafetensors(path, tensors, metadata)
  }

  private read(path: string) {
    return readSafetensors(path).catch((error) => {
      if (error.code === 'NOT_FOUND') return undefined
      throw error
    })
  }
}
