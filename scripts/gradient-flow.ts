import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Command } from 'commander'
import { BACKENDS, type Backend } from '../engine/backends.js'
import { clipping } from '../engine/clipping.js'
import { useBackend } from '../engine/use-backend.js'
import type { Cell } from '../rnn/cell.js'
import { CELLS } from '../rnn/cells.js'
import { CONNECTIONS } from '../rnn/connections.js'
import { factorOf, flowOverDepth, flowOverTime, linearCell, weightGradients } from '../rnn/gradient-flow.js'
import { type Chart, type Curve, drawCharts } from './chart.js'
import { progressBar } from './progress.js'
import { engineOption, natural } from './schema-options.js'
import { writeWhole } from './whole-file.js'

interface Options {
  out: string
  seed: number
  engine: Backend | 'auto'
}

/** What one chart shows, measured when it is asked for. */
interface Question {
  readonly title: string
  /** What is to be seen, for the table. */
  readonly note: string
  readonly measure: () => readonly Curve[]
  readonly axes: Pick<Chart, 'x' | 'y' | 'range'>
  /** Where the table reads the curves. */
  readonly at: readonly number[]
  /** What multiplies the norm, for the table to say by how much; absent where no one factor does. */
  readonly per?: 'step' | 'layer'
}

const STEPS = 100
const RADII = [0.9, 1, 1.1, 1.5, 2]
const FORGET_BIASES = [-2, 0, 1, 3, 5]
const LENGTHS = [1, 2, 5, 10, 20, 50, 100]
const DEPTHS = [1, 2, 5, 10, 20, 30, 40, 50]
const CLIP_NORM = 50

const OVER_TIME = {
  axes: { x: 'T − t, steps', y: '‖∂L_T/∂h_t‖', range: [1e-12, 1e6] },
  at: [1, 10, 50, STEPS - 1],
  per: 'step',
} as const
const OF_THE_CELL = { ...OVER_TIME, axes: { ...OVER_TIME.axes, y: '‖∂L_T/∂c_t‖' } } as const
const OVER_LENGTH = {
  axes: { x: 'T, steps', y: 'norm of the gradient of all weights' },
  at: [1, 10, 50, STEPS],
} as const
const OVER_DEPTH = {
  axes: { x: 'layers', y: '‖∂L/∂x‖', range: [1e-12, 1e3] },
  at: [1, 10, 20, 50],
  per: 'layer',
} as const

const NOTES: Readonly<Record<string, string>> = {
  rnn: 'tanh falls off: what comes back is less than ρ a step, and vanishes at ρ = 1 already. At ρ = 2 it explodes.',
  lstm: 'Two ways lead back: the cell, which keeps its forget gates’ share, and the hidden state, which ρ scales. Up to ρ = 1.1 they keep together far more over 50 steps than the plain network of the same ρ; at 1.5 and 2, where that one hardly vanishes or explodes, less.',
  'lstm-peephole':
    'Peepholes are one more way back to the cell, through the gates. They are ±ρ here; as training starts they are 0, and this is the LSTM.',
  'lstm-carousel':
    'With the forget gate at 1 nothing vanishes. What grows comes round by the hidden state and the gates.',
  gru: 'h = z·h + (1 − z)·n: an open update gate z keeps the state. Before training they are half open, so that half of it goes on as it is: at ρ = 1 it falls about as an LSTM of forget bias 0.',
}

/** What a plain layer of these cells multiplies by: the root of the units times Glorot's variance, and the gates. */
const PLAIN_LAYER: Readonly<Record<string, string>> = {
  rnn: '√(2/3) = 0.816 times what tanh leaves',
  lstm: '√(1/3) = 0.577 times ½ · ½ of the gates i and o, 0.144',
  gru: '√(2/3) = 0.816 times ½ of the gate z, 0.408',
}

/** `showtell gradient-flow`: what comes back through time and layers, measured and drawn. */
export function register(program: Command): void {
  program
    .command('gradient-flow')
    .description('measure how gradients vanish, explode and are kept, for every cell; a picture and a table')
    .option('--out <folder>', 'where gradient-flow.svg and gradient-flow.md go', 'gradient-flow')
    .option('--seed <n>', 'of weights and inputs', natural('--seed'), 1)
    .addOption(engineOption(BACKENDS))
    .action(gradientFlow)
}

async function gradientFlow({ out, seed, engine }: Options): Promise<void> {
  await useBackend(engine)
  await mkdir(out, { recursive: true })
  const questions = questionsOf(seed)
  const bar = progressBar('measure', questions.length)
  const charts: Chart[] = []
  try {
    for (const { title, axes, measure } of questions) {
      bar.update(charts.length, title)
      // Lets the bar be drawn and signals through.
      await setImmediate()
      charts.push({ title, ...axes, logarithmic: true, curves: measure() })
    }
    bar.update(charts.length)
  } finally {
    bar.stop()
  }
  const svg = join(out, 'gradient-flow.svg')
  const table = join(out, 'gradient-flow.md')
  await writeWhole(svg, drawCharts(charts, 3))
  await writeWhole(table, tables(questions, charts, seed))
  process.stderr.write(`wrote ${svg} and ${table}\n`)
}

function questionsOf(seed: number): Question[] {
  const overTime = (cell: string | Cell, radius?: number, forgetBias?: number) =>
    flowOverTime({ cell, radius, forgetBias, seed }, STEPS)
  return [
    {
      title: 'Identity activation',
      note: 'h = W·h + U·x with W orthogonal times ρ: the norm is ρ to the number of steps.',
      ...OVER_TIME,
      measure: () =>
        [0.9, 1, 1.1].map((radius) => ({
          name: `ρ = ${radius}`,
          points: overTime(linearCell, radius).hidden!,
        })),
    },
    ...Object.keys(CELLS).map((cell) => ({
      title: `Cell ${cell}`,
      note: NOTES[cell] ?? '',
      ...OVER_TIME,
      measure: () => [
        ...RADII.map((radius) => ({ name: `ρ = ${radius}`, points: overTime(cell, radius).hidden! })),
        { name: 'as training starts', points: overTime(cell).hidden!, dashed: true },
      ],
    })),
    {
      title: 'Cell lstm, ρ = 1, by forget bias',
      note: 'Over ten steps or more, the larger the bias the more of the gradient is left, up to 3, where the gate is all but open: why training starts it at 1.',
      ...OVER_TIME,
      measure: () =>
        FORGET_BIASES.map((bias) => ({ name: `bias ${bias}`, points: overTime('lstm', 1, bias).hidden! })),
    },
    {
      title: 'The cell alone (ρ = 0)',
      note: 'With nothing but the cell from step to step, an LSTM keeps the share σ(f) a step, the carousel all.',
      ...OF_THE_CELL,
      measure: () => [
        ...FORGET_BIASES.map((bias) => ({ name: `bias ${bias}`, points: overTime('lstm', 0, bias).cell! })),
        { name: 'carousel', points: overTime('lstm-carousel', 0).cell!, dashed: true },
      ],
    },
    {
      title: `What clipping to norm ${CLIP_NORM} does, by cell and ρ`,
      note: 'Where it explodes, the gradient of the weights grows with the length of the sequence; clipped, its norm is bounded and its direction stays. What is small (ρ = 1, where all but the last steps have vanished) clipping leaves as it is.',
      ...OVER_LENGTH,
      measure: () =>
        (
          [
            ['linear 1.1', linearCell, 1.1],
            ['rnn 2', 'rnn', 2],
            ['rnn 1', 'rnn', 1],
          ] as const
        ).flatMap(([name, cell, radius]) => {
          const clipped = LENGTHS.map((steps) => ({
            steps,
            ...clipping(weightGradients({ cell, radius, seed }, steps), CLIP_NORM),
          }))
          return [
            { name, points: clipped.map(({ steps, norm }) => [steps, norm] as const) },
            {
              name: `${name}, clipped`,
              points: clipped.map(({ steps, norm, scale }) => [steps, norm * scale] as const),
              dashed: true,
            },
          ]
        }),
    },
    ...Object.entries(PLAIN_LAYER).map(([cell, factor]) => ({
      title: `Through layers of ${cell}`,
      note: `One step from the state 0, as training starts: plain layers lose the gradient, residual ones carry it past, highway ones lose far less of it. A plain layer multiplies by ${factor}; the root is of the initialisation, among whose fans are the state, here 0, and all gates.`,
      ...OVER_DEPTH,
      measure: () =>
        Object.keys(CONNECTIONS).map((connection) => ({
          name: connection,
          points: flowOverDepth({ cell, seed }, connection, DEPTHS),
        })),
    })),
  ]
}

/** Each chart as a table: the curves at some places, and what a step or a layer multiplies by. */
function tables(questions: readonly Question[], charts: readonly Chart[], seed: number): string {
  const parts = charts.map(({ title, x, y, curves }, i) => {
    const { note, at, per } = questions[i]!
    const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
    const rows = curves.map(({ name, points }) => {
      const values = at.map((place) => points.find(([distance]) => distance === place)?.[1])
      return line([
        name,
        ...values.map((value) => value?.toExponential(1) ?? ''),
        ...(per === undefined ? [] : [factorOf(points).toFixed(3)]),
      ])
    })
    return [
      `## ${title}\n\n${note}\n`,
      line([`${y} at ${x}`, ...at.map(String), ...(per === undefined ? [] : [`a ${per}`])]),
      line(['---', ...at.map(() => '---:'), ...(per === undefined ? [] : ['---:'])]),
      ...rows,
    ].join('\n')
  })
  return `# Gradient flow

Made by \`showtell gradient-flow --seed ${seed}\`: every number is of a backward pass through cells before training, 64
units, random inputs, mean of 8 sequences. L_T is the projection of the last hidden state on a random direction. Where ρ
is said, it is the spectral radius of the recurrent matrices, each orthogonal times ρ, and peepholes are ±ρ; else all
weights are as training starts, Glorot's over input and state together and peepholes 0. The last column, e to the slope
of the logarithm, is what a step or a layer multiplies by: 1 keeps, less vanishes, more explodes.

![Gradient flow](gradient-flow.svg)

${parts.join('\n\n')}
`
}
