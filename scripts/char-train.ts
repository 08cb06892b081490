import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sizeOf } from '../engine/ops.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { dataSum } from '../engine/training-state.js'
import { writeCharacterBundle } from '../language/character-bundle.js'
import type { CharacterModel } from '../language/character-model.js'
import { stepOf } from '../language/character-runtime.js'
import { CharacterTask, type Reading } from '../language/character-task.js'
import type { Characters } from '../language/characters.js'
import { beginning, write } from '../language/reading.js'
import { type Recipe, Training } from '../language/training.js'
import { Random } from '../random.js'
import { runTraining } from './run-training.js'
import { writeWhole } from './whole-file.js'

export interface CharacterTraining {
  readonly text: string
  /** Token ids of the two parts that `splitText` cuts it into. */
  readonly train: Int32Array
  readonly validation: Int32Array
  readonly characters: Characters
  readonly model: CharacterModel
  readonly reading: Reading
  readonly recipe: Recipe
  /** Where state, log, samples and bundle go. */
  readonly out: string
}

/** When samples are kept, as shares of the training: at first, and then as it goes on. */
const SAMPLED = [0.01, 0.03, 0.1, 0.3, 1]
const SAMPLE = { length: 400, temperature: 1, topP: 1 }

/** Trains a character model, or goes on with a training. @returns false where `signal` stopped it. */
export async function trainCharacters(given: CharacterTraining, signal: AbortSignal): Promise<boolean> {
  const { text, train, validation, characters, model, reading, recipe, out } = given
  const task = new CharacterTask(model, train, validation, { ...recipe, ...reading })
  const setting = { model: model.config, characters: characters.list, reading, data: dataSum(text) }
  const training = new Training(task, recipe, out, setting)
  const resumed = await training.resume()
  const parameters = sizeOf(model.parameters)
  process.stderr.write(
    `${train.length} characters to train, ${validation.length - 1} to validate, ${parameters} parameters${resumed ? `, going on at step ${training.step}` : ''}\n`,
  )
  const samples = await Samples.open(join(out, 'samples.md'), training.step)
  const at = new Set(SAMPLED.map((share) => Math.max(1, Math.round(share * recipe.steps))))
  const told = { out, unit: 'character' }
  const done = await runTraining(training, told, signal, async ({ step, loss }) => {
    if (at.has(step)) await samples.add(step, loss, await drawn(given, training.weights, step))
  })
  if (!done) return false
  const { weights, loss, step } = training.result
  await writeCharacterBundle(training.bundle, {
    model,
    characters,
    weights,
    training: {
      characters: train.length,
      ...reading,
      ...training.recipe,
      'best step': step,
      'nats a character on validation, in rows': Number(loss.toFixed(4)),
    },
  })
  process.stderr.write(`wrote ${training.bundle}\n`)
  return true
}

async function drawn(
  { characters, model, recipe }: CharacterTraining,
  weights: Readonly<Record<string, Float32Array>>,
  step: number,
): Promise<string> {
  const ops = new TensorFlowOps()
  const tensors = ops.tensors(model.parameters, (name) => weights[name]!)
  try {
    const random = new Random(recipe.seed, 'sample', step)
    const prime = beginning(characters)
    const ids = await write({ step: stepOf(ops, model, tensors) }, model, { ...SAMPLE, prime, random })
    return characters.decode(ids)
  } finally {
    ops.dispose(Object.values(tensors))
  }
}

/** What the model wrote as it learnt, in a Markdown file, one heading a sample. */
class Samples {
  private constructor(
    private readonly path: string,
    private readonly sections: string[],
  ) {}

  /** Goes on with the samples up to a step. */
  static async open(path: string, step: number): Promise<Samples> {
    const text = existsSync(path) ? await readFile(path, 'utf8') : ''
    const sections = text.split(/^(?=## )/m).filter((section) => {
      const [, at] = /^## .*\(step (\d+),/.exec(section) ?? []
      return at !== undefined && Number(at) <= step
    })
    return new Samples(path, sections)
  }

  async add(step: number, loss: number, text: string): Promise<void> {
    const title = this.sections.length === 0 ? 'at first' : 'train more'
    const quoted = text.replaceAll(/^/gm, '    ')
    this.sections.push(`## ${title} (step ${step}, ${loss.toFixed(2)} nats)\n\n${quoted}\n\n`)
    await writeWhole(this.path, `# What it writes\n\n${this.sections.join('')}`)
  }
}
