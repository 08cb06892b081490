import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { Vocabulary } from '../data/vocabulary.js'
import { BACKENDS, type Backend } from '../engine/backends.js'
import { sizeOf } from '../engine/ops.js'
import { dataSum } from '../engine/training-state.js'
import { useBackend } from '../engine/use-backend.js'
import { expected, ShowtellError } from '../errors.js'
import { BATCH, ClassificationTask, classify, confusionOf } from '../language/classification.js'
import { Classifier, classifierConfigSchema } from '../language/classifier.js'
import { readClassifierBundle, writeClassifierBundle } from '../language/classifier-bundle.js'
import {
  checkLabels,
  type LabelledTexts,
  labelsOf,
  MOST_WORDS,
  readLabelled,
  readLabelledCaptions,
  tellCut,
  wordsOf,
} from '../language/classifier-texts.js'
import { recipeDropping, Training } from '../language/training.js'
import { aligned } from '../metrics/report-rows.js'
import { interruptible } from './interrupt.js'
import { leftOut } from './left-out.js'
import { runTraining } from './run-training.js'
import { addSchemaOptions, engineOption, fromOptions, namedPath, positive } from './schema-options.js'
import { withWeights } from './with-weights.js'

/** Minutes on the native engine. */
const RECIPE = { steps: 1000, learningRate: 2e-3, dropout: 0.3 }
const recipeSchema = recipeDropping('the word vectors and of what the network says of the whole text')

/** `showtell classify`: many to one, which label a text has. */
export function register(program: Command): void {
  const command = program
    .command('classify')
    .description(`models that say which label a text has, by its first ${MOST_WORDS} words`)
  const train = withTexts(
    command
      .command('train')
      .description('train; run again with the same options to go on after an interruption')
      .requiredOption('--out <folder>', 'where state, log and bundle go')
      .option('--batch-size <n>', 'texts a step', positive('--batch-size'), 128)
      .option(
        '--minimum-count <n>',
        'how often a word must occur to be known',
        positive('--minimum-count'),
        4,
      ),
  )
  addSchemaOptions(train, classifierConfigSchema)
  addSchemaOptions(train, recipeSchema, RECIPE)
  train.action(trainClassifier)
  withTexts(
    command
      .command('evaluate')
      .description(
        'how many texts get their label, and which they get: those of the test split, or where a file has none those held out',
      )
      .argument('<bundle>', 'folder of a classifier')
      .option('--all', 'judge those too that train learns from or validates with'),
  ).action(evaluate)
  command
    .command('predict')
    .description('the label of each text and its probability')
    .argument('<bundle>', 'folder of a classifier')
    .argument('[texts...]', `texts, read to word ${MOST_WORDS}; the lines of the standard input when absent`)
    .addOption(engineOption(BACKENDS))
    .action(predict)
}

interface Source {
  data?: string[]
  engine: Backend | 'auto'
}

function withTexts(command: Command): Command {
  return command
    .argument(
      '[texts]',
      `a file with {"text": …, "label": …} in each line, and where it has one "split": train or restval to train on, val, validation or dev to validate with, test kept for evaluate; of a text the first ${MOST_WORDS} words are read`,
    )
    .option('--data <label=captions...>', 'instead of it, caption files to be told apart')
    .addOption(engineOption(BACKENDS))
}

/** The texts, and what to call them. */
async function textsOf(
  path: string | undefined,
  data: string[] | undefined,
): Promise<[LabelledTexts, string]> {
  if ((path === undefined) === (data === undefined))
    throw expected(
      'a file of labelled texts or --data, one of the two',
      'texts',
      path === undefined ? path : data,
    )
  if (path !== undefined) return [await readLabelled(path, leftOut), path]
  return [
    await readLabelledCaptions(
      data!.map((option) => namedPath(option, 'label=captions', '--data')),
      leftOut,
    ),
    data!.join(' '),
  ]
}

interface TrainOptions extends Source {
  out: string
  batchSize: number
  minimumCount: number
  [name: string]: unknown
}

async function trainClassifier(path: string | undefined, options: TrainOptions): Promise<void> {
  const signal = interruptible()
  const { out, batchSize, minimumCount } = options
  const recipe = fromOptions(recipeSchema, options)
  const [texts, where] = await textsOf(path, options.data)
  const labels = labelsOf(texts, where)
  const { train, held } = texts
  // The vocabulary wants a style; a text has none.
  const words = train.map((text) => text.words)
  const vocabulary = Vocabulary.build(words, { minimumCount, styles: ['text'] })
  const model = new Classifier(
    fromOptions(classifierConfigSchema, options, { vocabularySize: vocabulary.size, labels }),
  )
  process.stderr.write(
    `${train.length} texts to train, ${held.length} held out, ${labels.length} labels, ${vocabulary.wordCount} words, ${sizeOf(model.parameters)} parameters, engine ${await useBackend(options.engine)}\n`,
  )
  const task = new ClassificationTask(model, vocabulary, train, held, { ...recipe, batchSize })
  const setting = { model: model.config, batchSize, data: dataSum({ train, held }) }
  const training = new Training(task, recipe, out, setting)
  if (await training.resume()) process.stderr.write(`going on at step ${training.step}\n`)
  if (!(await runTraining(training, { out, unit: 'text' }, signal))) return
  const { weights, loss, step } = training.result
  await writeClassifierBundle(training.bundle, {
    model,
    vocabulary,
    weights,
    training: {
      texts: train.length,
      batchSize,
      ...training.recipe,
      'best step': step,
      'nats a text held out': loss,
    },
  })
  process.stderr.write(`wrote ${training.bundle}\n`)
}

async function evaluate(
  place: string,
  path: string | undefined,
  { data, all, engine }: Source & { all?: boolean },
): Promise<void> {
  const bundle = await readClassifierBundle(place)
  const [{ train, held, judged }, where] = await textsOf(path, data)
  // What is judged may be what was held out.
  const texts = all ? [...new Set([...train, ...held, ...judged])] : judged
  if (texts.length === 0) throw expected('texts', `what is to be judged of ${where}`, 'none', 'INVALID_DATA')
  const { labels } = bundle.model.config
  checkLabels(labels, texts, where)
  const counts = await withWeights(bundle, engine, async (ops, weights) =>
    confusionOf(labels, texts, classify(ops, bundle.model, bundle.vocabulary, weights, texts)),
  )
  process.stdout.write(confusionTable(labels, counts))
}

/**
 * How many texts of each label (a line) were given which label (a column), the share of each that got its own, and
 * beside the share of all the one that is to be had without reading.
 */
export function confusionTable(labels: readonly string[], counts: readonly (readonly number[])[]): string {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const sizes = counts.map(sum)
  const total = sum(sizes)
  const share = (part: number, whole: number): string =>
    whole === 0 ? '–' : `${((100 * part) / whole).toFixed(2)} %`
  const rows = [
    ['is \\ said', ...labels, 'right'],
    ...labels.map((label, i) => [label, ...counts[i]!.map(String), share(counts[i]![i]!, sizes[i]!)]),
  ]
  const right = sum(labels.map((_, i) => counts[i]![i]!))
  return `${aligned(rows)}${right} of ${total} right (${share(right, total)}); always the commonest label: ${share(Math.max(...sizes), total)}\n`
}

async function predict(place: string, given: string[], { engine }: Source): Promise<void> {
  const bundle = await readClassifierBundle(place)
  await withWeights(bundle, engine, async (ops, weights) => {
    // Not before: what comes while nobody asks for it is lost.
    const lines =
      given.length > 0
        ? given
        : createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
    let waiting: { text: string; words: string[] }[] = []
    const judge = (): void => {
      const judgements = classify(ops, bundle.model, bundle.vocabulary, weights, waiting)
      for (const [i, { label, probability }] of judgements.entries())
        process.stdout.write(`${waiting[i]!.text}\t${label}\t${probability.toFixed(3)}\n`)
      waiting = []
    }
    let [count, cut] = [0, 0]
    for await (const text of lines) {
      count++
      // A line between texts is no text; one that was given as an argument was meant.
      if (given.length === 0 && text.trim() === '') continue
      try {
        waiting.push({ text, words: wordsOf(text, `text ${count}`, () => cut++) })
      } catch (error) {
        if (!(error instanceof ShowtellError)) throw error
        leftOut(error)
        process.exitCode = 1
      }
      if (waiting.length === BATCH) judge()
    }
    judge()
    tellCut(cut, 'the texts', leftOut)
  })
}
