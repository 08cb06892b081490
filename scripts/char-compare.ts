import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Backend } from '../engine/backends.js'
import { sizeOf } from '../engine/ops.js'
import { type CharacterModel, ofSize } from '../language/character-model.js'
import { evaluateText } from './char-bundle.js'
import { type CharacterTraining, trainCharacters } from './char-train.js'
import { type Curve, drawCharts } from './chart.js'
import { averaged, eventsIn, pointsOf } from './train-log.js'
import { writeWhole } from './whole-file.js'

interface Row {
  readonly name: string
  readonly model: CharacterModel
  readonly nats: number
  readonly training: Curve
  readonly validation: Curve
}

/**
 * `showtell char compare`: trains models of as many parameters as the one given, on as many characters, and makes a
 * table of what each says of the held-out ones. What was trained before is not trained again.
 * @param engine what the held-out characters are read on, the one that trains: another would be the current one then.
 */
export async function compareModels(
  given: CharacterTraining,
  names: readonly string[],
  engine: Backend | 'auto',
  signal: AbortSignal,
): Promise<void> {
  const parameters = sizeOf(given.model.parameters)
  const rows: Row[] = []
  for (const name of names) {
    const connection = name.startsWith('window') ? 'plain' : given.model.config.connection
    const model = ofSize({ ...given.model.config, connection, model: name }, parameters)
    const out = join(given.out, name)
    await mkdir(out, { recursive: true })
    process.stderr.write(`\n${name}: ${model.config.units} units\n`)
    if (!(await trainCharacters({ ...given, model, out }, signal))) return
    const { nats } = await evaluateText(join(out, 'bundle'), given.text, { engine }, signal)
    rows.push({ name, model, nats, ...(await curvesOf(name, join(out, 'log.jsonl'))) })
    await report(given, rows)
  }
}

async function curvesOf(name: string, log: string): Promise<Pick<Row, 'training' | 'validation'>> {
  const events = await eventsIn(log)
  return {
    training: { name, points: averaged(pointsOf(events, ({ loss }) => loss)) },
    validation: { name, points: pointsOf(events, ({ validationLoss }) => validationLoss) },
  }
}

async function report({ out, recipe, reading, model }: CharacterTraining, rows: readonly Row[]) {
  const read = recipe.steps * reading.rows * reading.length
  const lines = rows.map(
    ({ name, model: { config, parameters }, nats }) =>
      `| ${name} | ${config.units} | ${sizeOf(parameters)} | ${nats.toFixed(4)} | ${Math.exp(nats).toFixed(2)} |`,
  )
  const file = join(out, 'models.md')
  await writeWhole(
    file,
    `# Models of one size

Each of about ${sizeOf(model.parameters)} parameters in ${model.config.layers} layers, trained by the same recipe on ${recipe.steps} steps of ${reading.rows} × ${reading.length} characters (${read} in all). Nats a character over all that was held out, the state carried; the same text chose the best of ${recipe.validations} moments of each training.

| model | units | parameters | nats | perplexity |
| --- | ---: | ---: | ---: | ---: |
${lines.join('\n')}

![Loss](models.svg)
`,
  )
  const axes = { x: 'step', y: 'nats a character' }
  await writeWhole(
    join(out, 'models.svg'),
    drawCharts([
      { title: 'Validation', ...axes, curves: rows.map(({ validation }) => validation) },
      { title: 'Training, with dropout', ...axes, curves: rows.map(({ training }) => training) },
    ]),
  )
  process.stderr.write(`wrote ${file}\n`)
}
