import { mkdir, readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { BACKENDS, type Backend, ENGINES, type Engine } from '../engine/backends.js'
import { useBackend } from '../engine/tensorflow.js'
import { expected, messageOf, ShowtellError } from '../errors.js'
import { readCharacterBundle } from '../language/character-bundle.js'
import { CharacterModel, characterConfigSchema } from '../language/character-model.js'
import { openCharacterRuntime } from '../language/character-runtime.js'
import { readingSchema } from '../language/character-task.js'
import { Characters, splitText } from '../language/characters.js'
import { read, write } from '../language/reading.js'
import { recipeSchema } from '../language/training.js'
import { Random } from '../random.js'
import { trainCharacters } from './char-train.js'
import { interruptible } from './interrupt.js'
import { progressBar } from './progress.js'
import { addSchemaOptions, fromOptions } from './schema-options.js'

/** The recipe for a megabyte of text: less than two hours on two cores. */
const RECIPE = { steps: 3000, learningRate: 4e-3, dropout: 0.4 }

/** `showtell char`: models of text, character by character. */
export function register(program: Command): void {
  const char = program.command('char').description('models that read and write text, character by character')
  const train = char
    .command('train')
    .description('train on a text; run again with the same options to go on after an interruption')
    .argument('<text>', 'a text file; its last tenth is for validation')
    .requiredOption('--out <folder>', 'where state, log, samples and bundle go')
    .option('--engine <name>', `auto, ${BACKENDS.join(', ')}`, 'auto')
  for (const [schema, presets] of [
    [characterConfigSchema, {}],
    [readingSchema, {}],
    [recipeSchema, RECIPE],
  ] as const)
    addSchemaOptions(train, schema, presets)
  train.action(trainText)
  char
    .command('evaluate')
    .description('nats a character of a text, read from its beginning to its end')
    .argument('<bundle>', 'folder of a character model')
    .argument('<text>', 'a text file')
    .option('--all', 'the whole text; without it the last tenth, which train holds out')
    .option('--engine <name>', ENGINES.join(', '), 'auto')
    .action(evaluate)
  char
    .command('sample')
    .description('write text')
    .argument('<bundle>', 'folder of a character model')
    .option('--prime <text>', 'what it goes on from', '\n')
    .option('--length <n>', 'characters to write', Number, 500)
    .option('--temperature <x>', 'below 1 surer, above 1 wilder', Number, 0.8)
    .option('--top-p <x>', 'only the likeliest characters that together have this probability', Number, 1)
    .option('--seed <n>', 'same seed, same text', Number, 1)
    .option('--engine <name>', ENGINES.join(', '), 'auto')
    .action(sample)
}

async function trainText(
  path: string,
  options: { out: string; engine: Backend | 'auto'; [name: string]: unknown },
): Promise<void> {
  const signal = interruptible()
  const text = await textOf(path)
  const characters = Characters.of([text])
  const others = { vocabularySize: characters.size }
  const model = new CharacterModel(fromOptions(characterConfigSchema, options, others))
  const reading = fromOptions(readingSchema, options)
  const recipe = fromOptions(recipeSchema, options)
  process.stderr.write(`engine ${await useBackend(options.engine)}\n`)
  await mkdir(options.out, { recursive: true })
  await trainCharacters({ text, characters, model, reading, recipe, out: options.out }, signal)
}

async function evaluate(place: string, path: string, options: { all?: boolean; engine: Engine }) {
  const signal = interruptible()
  const bundle = await readCharacterBundle(place)
  const ids = bundle.characters.encode(await textOf(path))
  const text = options.all ? ids : splitText(ids).validation
  const runtime = await openCharacterRuntime(bundle, options.engine)
  const bar = progressBar(`read (${runtime.engine})`, text.length - 1)
  let [sum, count] = [0, 0]
  try {
    for await (const { logProb } of read(runtime, bundle.model, text)) {
      if (logProb === undefined) break
      sum -= logProb
      count++
      if (count % 200 !== 0) continue
      signal.throwIfAborted()
      bar.update(count, `${(sum / count).toFixed(4)} nats`)
      await new Promise((resolve) => setImmediate(resolve))
    }
    bar.update(count)
  } finally {
    bar.stop()
    await runtime.close()
  }
  const nats = sum / count
  process.stdout.write(
    `${nats.toFixed(4)} nats a character over ${count} characters (${(nats / Math.LN2).toFixed(4)} bits, perplexity ${Math.exp(nats).toFixed(3)})\n`,
  )
}

interface SampleFlags {
  prime: string
  length: number
  temperature: number
  topP: number
  seed: number
  engine: Engine
}

async function sample(place: string, { prime, seed, engine, ...options }: SampleFlags): Promise<void> {
  if (!Number.isInteger(options.length) || options.length < 1)
    throw expected('an integer of 1 or more', 'length', options.length)
  const bundle = await readCharacterBundle(place)
  const ids = bundle.characters.encode(prime)
  const runtime = await openCharacterRuntime(bundle, engine)
  try {
    const random = new Random(seed, 'sample')
    const written = await write(runtime, bundle.model, { ...options, prime: ids, random })
    process.stdout.write(`${prime}${bundle.characters.decode(written)}\n`)
  } finally {
    await runtime.close()
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new ShowtellError('NOT_FOUND', `Expected a text at ${path} but ${messageOf(cause)}`, {
      where: path,
      cause,
    })
  }
}
