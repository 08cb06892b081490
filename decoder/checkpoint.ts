import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { AdamW } from '../engine/optimiser.js'
import { readArrays, restoreState, saveState, writeArrays } from '../engine/training-state.js'

/** The averaged weights that were best on validation. */
export interface Best {
  readonly weights: Readonly<Record<string, Float32Array>>
  readonly step: number
  readonly cider: number
  /** Nats a word. */
  readonly loss: number
}

const STATE = 'state.safetensors'

/** What a training leaves on disk: the last state, to go on with, and the best weights. */
export class Checkpoint {
  private readonly last: string
  private readonly best: string

  constructor(
    folder: string,
    /** What a state belongs to: another configuration does not go on with it. */
    private readonly config: Readonly<Record<string, unknown>>,
  ) {
    this.last = join(folder, STATE)
    this.best = join(folder, 'best.safetensors')
  }

  /** Whether a training has left a state in a folder. */
  static isIn(folder: string): boolean {
    return existsSync(join(folder, STATE))
  }

  async save(optimiser: AdamW): Promise<void> {
    await saveState(this.last, optimiser, this.config)
  }

  async saveBest({ weights, step, cider, loss }: Best): Promise<void> {
    await writeArrays(this.best, weights, { step: String(step), cider: String(cider), loss: String(loss) })
  }

  /**
   * Goes on from the saved state.
   * @returns false where there is none.
   * @throws ShowtellError INVALID_BUNDLE for a state of another training.
   */
  async restore(optimiser: AdamW): Promise<boolean> {
    return (await restoreState(this.last, optimiser, this.config)) !== undefined
  }

  /** Undefined before the first validation. */
  async readBest(): Promise<Best | undefined> {
    const file = await readArrays(this.best)
    if (file === undefined) return undefined
    const weights = Object.fromEntries(
      [...file.entries.keys()].map((name) => [name, file.float32(name).data]),
    )
    const { step, cider, loss } = file.metadata
    return { weights, step: Number(step), cider: Number(cider), loss: Number(loss) }
  }
}
