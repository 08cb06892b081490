import type { Command } from 'commander'
import { inBatches } from '../data/batches.js'
import { BACKENDS, type Backend } from '../engine/backends.js'
import { sizeOf } from '../engine/ops.js'
import { dataSum } from '../engine/training-state.js'
import { useBackend } from '../engine/use-backend.js'
import { expected } from '../errors.js'
import { Characters } from '../language/characters.js'
import { datesOfYear, type Pair } from '../language/dates.js'
import { dateLessons, type Lessons, pairLessons, readPairs } from '../language/pairs.js'
import { recipeDropping, Training } from '../language/training.js'
import {
  type Alphabets,
  SOURCE_SPECIALS,
  TARGET_SPECIALS,
  type Translation,
  TranslationTask,
  translate,
} from '../language/translation.js'
import { Translator, translatorConfigSchema } from '../language/translator.js'
import {
  readTranslatorBundle,
  type TranslatorBundle,
  writeTranslatorBundle,
} from '../language/translator-bundle.js'
import { type Alignment, alignmentPicture, alignmentText } from './alignment.js'
import { interruptible } from './interrupt.js'
import { progressBar } from './progress.js'
import { runTraining } from './run-training.js'
import { addSchemaOptions, engineOption, fromOptions, number, positive } from './schema-options.js'
import { makePlace, writeWhole } from './whole-file.js'
import { withWeights } from './with-weights.js'

/** Minutes on the native engine. */
const RECIPE = { steps: 1000, learningRate: 4e-3 }
const recipeSchema = recipeDropping('the vectors of the characters of both sides')

/** `showtell translate`: sequence to sequence with attention, over characters. */
export function register(program: Command): void {
  const command = program
    .command('translate')
    .description('models that turn one text into another and show which characters they looked at')
  const train = command
    .command('train')
    .description('train; run again with the same options to go on after an interruption')
    .argument(
      '[pairs]',
      'a file with source, tab, target in each line; without one dates are made on the fly',
    )
    .requiredOption('--out <folder>', 'where state, log and bundle go')
    .option('--batch-size <n>', 'pairs a step', positive('--batch-size'), 128)
    .addOption(engineOption(BACKENDS))
  addSchemaOptions(train, translatorConfigSchema)
  addSchemaOptions(train, recipeSchema, RECIPE)
  train.action(trainTranslator)
  withSearch(command, 'evaluate', 'how many of the pairs held out are translated exactly')
    .argument(
      '[pairs]',
      'the file that it was trained on, whose held-out pairs chose the best moment too, or with --all any; for a model of dates 2,000 days are drawn that it has not seen',
    )
    .option('--all', 'judge all pairs of the file, those too that train learns from')
    .action(evaluate)
  withSearch(command, 'text', 'translate texts and print where the model looked')
    .argument('<texts...>')
    .option('--picture <file>', 'draw where it looked, as SVG')
    .action(show)
}

function withSearch(command: Command, name: string, description: string): Command {
  return command
    .command(name)
    .description(description)
    .argument('<bundle>', 'folder of a translator')
    .option('--beam-size <n>', 'hypotheses kept a character', number('--beam-size'), 3)
    .addOption(engineOption(BACKENDS))
}

async function trainTranslator(
  path: string | undefined,
  options: { out: string; batchSize: number; engine: Backend | 'auto'; [name: string]: unknown },
): Promise<void> {
  const signal = interruptible()
  const recipe = fromOptions(recipeSchema, options)
  const { out, batchSize } = options
  const pairs = path === undefined ? undefined : await readPairs(path)
  const lessons =
    pairs === undefined
      ? dateLessons(batchSize, recipe.seed)
      : pairLessons(pairs, batchSize, recipe.seed, path)
  const { alphabets, maxLength } = alphabetsOf(pairs ?? datesOfYear())
  tellHeldOut(pairs ?? [], lessons)
  const model = new Translator(
    fromOptions(translatorConfigSchema, options, {
      sources: alphabets.source.size,
      targets: alphabets.target.size,
    }),
  )
  process.stderr.write(`engine ${await useBackend(options.engine)}, ${sizeOf(model.parameters)} parameters\n`)
  const task = new TranslationTask(model, alphabets, lessons, recipe)
  const setting = { model: model.config, batchSize, data: dataSum(pairs ?? 'dates') }
  const training = new Training(task, recipe, out, setting)
  if (await training.resume()) process.stderr.write(`going on at step ${training.step}\n`)
  if (!(await runTraining(training, { out, unit: 'character' }, signal))) return
  const { weights, loss, step } = training.result
  await writeTranslatorBundle(training.bundle, {
    model,
    alphabets,
    maxLength,
    data: path === undefined ? 'dates' : 'pairs',
    weights,
    training: { batchSize, ...training.recipe, 'best step': step, 'nats a character on validation': loss },
  })
  process.stderr.write(`wrote ${training.bundle}\n`)
}

/** The characters of both sides, and how long a translation may get: twice the longest seen. */
function alphabetsOf(pairs: readonly Pair[]): { alphabets: Alphabets; maxLength: number } {
  const [sources, targets] = [pairs.map(({ source }) => source), pairs.map(({ target }) => target)]
  return {
    alphabets: {
      source: Characters.of(sources, SOURCE_SPECIALS),
      target: Characters.of(targets, TARGET_SPECIALS),
    },
    maxLength: 2 * targets.reduce((most, target) => Math.max(most, Array.from(target).length), 1),
  }
}

/** Tells of characters that only sources held out have: nothing is learnt of them. */
function tellHeldOut(pairs: readonly Pair[], { validation }: Lessons): void {
  const held = new Set(validation)
  const learnt = Characters.of(pairs.flatMap((pair) => (held.has(pair) ? [] : [pair.source])))
  tellUnknown(
    learnt,
    pairs.map(({ source }) => source),
  )
}

/** Says which characters of some sources are not among those learnt: the model knows nothing of what they mean. */
function tellUnknown(learnt: Characters, sources: readonly string[]): void {
  const unknown = learnt.unknownOf(sources).map((character) => JSON.stringify(character))
  if (unknown.length > 0)
    process.stderr.write(`characters that the model has not learnt: ${unknown.join(', ')}\n`)
}

interface Search {
  beamSize: number
  engine: Backend | 'auto'
}

/** Texts at once. */
const BATCH = 200

async function translated(
  bundle: TranslatorBundle,
  texts: readonly string[],
  { beamSize, engine }: Search,
  signal: AbortSignal,
): Promise<Translation[]> {
  const { model, alphabets, maxLength } = bundle
  tellUnknown(alphabets.source, texts)
  return withWeights(bundle, engine, async (ops, weights) => {
    const bar = progressBar('translate', texts.length)
    const done: Translation[] = []
    try {
      for (const part of inBatches(texts, BATCH)) {
        signal.throwIfAborted()
        done.push(...(await translate(ops, model, alphabets, weights, part, { beamSize, maxLength })))
        bar.update(done.length)
      }
      return done
    } finally {
      bar.stop()
    }
  })
}

async function evaluate(
  place: string,
  path: string | undefined,
  { all, ...search }: Search & { all?: boolean },
): Promise<void> {
  const signal = interruptible()
  const bundle = await readTranslatorBundle(place)
  if (path === undefined && bundle.data === 'pairs')
    throw expected('a file of pairs', 'a model that learnt from one', path)
  const pairs = path === undefined ? dateLessons(1, 1).test : await judgedOf(path, all)
  const sources = pairs.map(({ source }) => source)
  const found = await translated(bundle, sources, search, signal)
  const wrong = pairs.flatMap(({ source, target }, i) =>
    found[i]!.text === target ? [] : [`${source} → ${found[i]!.text}, not ${target}`],
  )
  for (const line of wrong.slice(0, 10)) process.stderr.write(`${line}\n`)
  const right = pairs.length - wrong.length
  process.stdout.write(
    `${right} of ${pairs.length} exactly right (${((100 * right) / pairs.length).toFixed(2)} %), attention ${bundle.model.config.attention}\n`,
  )
}

/** Those of a file that are held out, or all. */
async function judgedOf(path: string, all = false): Promise<readonly Pair[]> {
  const pairs = await readPairs(path)
  return all ? pairs : pairLessons(pairs, 1, 1, path).test
}

async function show(place: string, texts: string[], options: Search & { picture?: string }): Promise<void> {
  const signal = interruptible()
  const bundle = await readTranslatorBundle(place)
  if (options.picture !== undefined && bundle.model.config.attention === 'none')
    throw expected('a model with attention', '--picture', 'none')
  if (options.picture !== undefined) await makePlace(options.picture)
  const found = await translated(bundle, texts, options, signal)
  const alignments = found.flatMap(({ text, alignment }, i): Alignment[] =>
    alignment === undefined
      ? []
      : [{ source: Array.from(texts[i]!), target: Array.from(text), rows: alignment }],
  )
  for (const [i, { text, logProb }] of found.entries()) {
    process.stdout.write(`${texts[i]} → ${text} (${Math.exp(logProb).toFixed(3)})\n`)
    if (alignments[i] !== undefined) process.stdout.write(`${alignmentText(alignments[i])}\n\n`)
  }
  if (options.picture === undefined) return
  await writeWhole(options.picture, alignmentPicture(alignments))
  process.stderr.write(`wrote ${options.picture}\n`)
}
