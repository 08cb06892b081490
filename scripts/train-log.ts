import { existsSync } from 'node:fs'
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { TrainingEvent } from '../decoder/training.js'
import { expected } from '../errors.js'
import { type Chart, drawCharts } from './chart.js'
import { progressBar } from './progress.js'
import { writeWhole } from './whole-file.js'

/** What a training tells as it goes: a bar on the terminal, `log.jsonl` with a line a step, `curve.svg`. */
export class TrainingLog {
  private readonly path: string
  private bar: ReturnType<typeof progressBar> | undefined
  private readonly events: TrainingEvent[] = []
  private smooth: number | undefined
  private validated = ''

  /** @param unit what the loss is of. */
  constructor(
    private readonly folder: string,
    private readonly unit = 'word',
  ) {
    this.path = join(folder, 'log.jsonl')
  }

  /**
   * Tells of a training from where it is to where it ends or stops.
   * @param step what the training has done: what the log has of later ones is done again, and the log has each step once.
   * @param run the training; `add` is given each step.
   * @throws ShowtellError as `eventsIn` does; what `run` throws.
   */
  async follow(
    step: number,
    run: (add: (event: TrainingEvent) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    await this.rewind(step)
    try {
      await run((event) => this.add(event))
    } finally {
      this.bar?.stop()
    }
  }

  private async rewind(step: number): Promise<void> {
    if (!existsSync(this.path)) return
    for (const event of await eventsIn(this.path)) if (event.step <= step) this.note(event)
    await writeWhole(this.path, this.events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  }

  private async add(event: TrainingEvent): Promise<void> {
    this.bar ??= progressBar('train', event.totalSteps, event.step - 1)
    this.note(event)
    const what = event.reward === undefined ? 'loss' : 'CIDEr of samples'
    this.bar.update(event.step, `${what} ${this.smooth!.toFixed(3)}${this.validated}`)
    await appendFile(this.path, `${JSON.stringify(event)}\n`)
    if (event.validationLoss !== undefined) await this.draw()
  }

  private note(event: TrainingEvent): void {
    this.events.push(event)
    const value = event.reward ?? event.loss
    this.smooth = this.smooth === undefined ? value : 0.98 * this.smooth + 0.02 * value
    if (event.validationLoss !== undefined)
      this.validated = ` · validation ${event.validationLoss.toFixed(3)} nats${event.validationCider === undefined ? '' : `, CIDEr ${event.validationCider.toFixed(3)}`}`
  }

  private async draw(): Promise<void> {
    const points = (value: (event: TrainingEvent) => number | undefined) => pointsOf(this.events, value)
    const rewarded = this.events.some(({ reward }) => reward !== undefined)
    const charts: Chart[] = [
      {
        title: `Nats a ${this.unit}`,
        x: 'step',
        y: 'nats',
        curves: [
          ...(rewarded ? [] : [{ name: 'training', points: averaged(points(({ loss }) => loss)) }]),
          { name: 'validation', points: points(({ validationLoss }) => validationLoss) },
        ],
      },
      {
        title: 'CIDEr-D',
        x: 'step',
        y: 'CIDEr-D',
        curves: [
          ...(rewarded ? [{ name: 'samples', points: averaged(points(({ reward }) => reward)) }] : []),
          { name: 'validation', points: points(({ validationCider }) => validationCider) },
        ],
      },
    ]
    const drawn = charts.filter(({ curves }) => curves.some((curve) => curve.points.length > 0))
    await writeWhole(join(this.folder, 'curve.svg'), drawCharts(drawn))
  }
}

/** Says that a training ends before its warm-up does, or with it. */
export function tellWarmUp(warmUpSteps: number, totalSteps: number): void {
  if (warmUpSteps < totalSteps) return
  process.stderr.write(
    `the highest learning rate is not reached before the last step: ${totalSteps} steps, ${warmUpSteps} of warm-up\n`,
  )
}

const eventSchema = z.custom<TrainingEvent>((value) =>
  Number.isInteger((value as TrainingEvent | null)?.step),
)

/** The events of a `log.jsonl`. @throws ShowtellError INVALID_DATA naming a line that is none. */
export async function eventsIn(path: string): Promise<TrainingEvent[]> {
  // What follows the last line break was being written.
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1)
  return lines.map((line, i) => {
    try {
      return eventSchema.parse(JSON.parse(line))
    } catch {
      throw expected('{"step": …, …}', `${path}:${i + 1}`, line, 'INVALID_DATA')
    }
  })
}

type Point = readonly [x: number, y: number]

/** A curve over the steps, of those that have the value. */
export function pointsOf<Event extends TrainingEvent>(
  events: readonly Event[],
  value: (event: Event) => number | undefined,
): Point[] {
  return events.flatMap((event) => {
    const y = value(event)
    return y === undefined ? [] : [[event.step, y] as const]
  })
}

/** At most so many points, each a mean of its neighbours: a step's loss is noise. */
export function averaged(points: readonly Point[], most = 100): Point[] {
  const size = Math.ceil(points.length / most)
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const part = points.slice(i * size, (i + 1) * size)
    return [mean(part.map(([x]) => x)), mean(part.map(([, y]) => y))]
  })
}
