import { mkdir } from 'node:fs/promises'
import type { Command } from 'commander'
import { readText } from '../data/text-file.js'
import { BACKENDS, type Backend, ENGINES, type Engine } from '../engine/backends.js'
import { useBackend } from '../engine/use-backend.js'
import { expected } from '../errors.js'
import { CharacterModel, characterConfigSchema, MODELS } from '../language/character-model.js'
import { readingSchema } from '../language/character-task.js'
import { Characters, splitText } from '../language/characters.js'
import { beginning, write } from '../language/reading.js'
import { leastCharacters } from '../language/text-loss.js'
import { recipeDropping } from '../language/training.js'
import { Random } from '../random.js'
import { evaluateText, withBundle } from './char-bundle.js'
import { compareModels } from './char-compare.js'
import { type CharacterTraining, trainCharacters } from './char-train.js'
import { visualise } from './char-visualise.js'
import { interruptible } from './interrupt.js'
import { addSchemaOptions, engineOption, fromOptions, natural, number, positive } from './schema-options.js'

/** The recipe for a megabyte of text, by which the model that ships was trained: an hour and a half on one core. */
const RECIPE = { steps: 1900, learningRate: 4e-3, dropout: 0.25 }
const recipeSchema = recipeDropping(
  'the vectors of the characters, of what layers hand on and of what comes out',
)
const BUNDLE = 'folder of a character model, or the name of one that ships'
/** With memory and without. */
const COMPARED = ['lstm', 'gru', 'rnn', 'window-3', 'window-1']

/** `showtell char`: models of text, character by character. */
export function register(program: Command): void {
  const char = program.command('char').description('models that read and write text, character by character')
  trains(char, 'train', 'train on a text; run again with the same options to go on after an interruption')
    .requiredOption('--out <folder>', 'where state, log, samples and bundle go')
    .action(async (text, options) => {
      const signal = interruptible()
      await trainCharacters(await trainingOf(text, options), signal)
    })
  trains(
    char,
    'compare',
    'train models of one size, with memory and without, and make a table; goes on as train does',
  )
    .option('--models <names...>', MODELS.join(', '), COMPARED)
    .requiredOption('--out <folder>', 'where a folder for each, the table and the curves go')
    .action(async (text, options) => {
      const signal = interruptible()
      checkModels(options.models)
      await compareModels(await trainingOf(text, options), options.models, options.engine, signal)
    })
  char
    .command('evaluate')
    .description('nats a character of a text, read from its beginning to its end')
    .argument('<bundle>', BUNDLE)
    .argument('<text>', 'a text file')
    .option('--all', 'the whole text; without it the last tenth, which train holds out')
    .addOption(engineOption(ENGINES))
    .action(evaluate)
  char
    .command('sample')
    .description('write text')
    .argument('<bundle>', BUNDLE)
    .option('--prime <text>', 'what it goes on from; the beginning of a line when absent')
    .option('--length <n>', 'characters to write', positive('--length'), 500)
    .option('--temperature <x>', 'below 1 surer, above 1 wilder', number('--temperature'), 0.8)
    .option(
      '--top-p <x>',
      'only the likeliest characters that together have this probability',
      number('--top-p'),
      1,
    )
    .option('--seed <n>', 'same seed, same text', natural('--seed'), 1)
    .addOption(engineOption(ENGINES))
    .action(sample)
  char
    .command('visualise')
    .description('a page of a text coloured by what units of the model do, and a picture of the clearest')
    .argument('<bundle>', BUNDLE)
    .argument('[text]', 'a text file; without one the model writes a text itself')
    .option('--length <n>', 'characters of it', positive('--length'), 2000)
    .option('--seed <n>', 'of the text that the model writes', natural('--seed'), 1)
    .option('--out <name>', 'where the page (.html) and the picture (.svg) go', 'hidden-states')
    .addOption(engineOption(ENGINES))
    .action(visualise)
}

/** A command that trains on a text. */
function trains(char: Command, name: string, description: string): Command {
  const command = char
    .command(name)
    .description(description)
    .argument('<text>', 'a text file; its last tenth is held out')
    .addOption(engineOption(BACKENDS))
  addSchemaOptions(command, characterConfigSchema)
  addSchemaOptions(command, readingSchema)
  return addSchemaOptions(command, recipeSchema, RECIPE)
}

function checkModels(names: readonly string[]): void {
  for (const [i, name] of names.entries()) {
    if (!MODELS.includes(name)) throw expected(`one of ${MODELS.join(', ')}`, 'models', name)
    if (names.indexOf(name) < i) throw expected('each name once', 'models', name)
  }
}

async function trainingOf(
  path: string,
  options: { out: string; engine: Backend | 'auto'; [name: string]: unknown },
): Promise<CharacterTraining> {
  const text = await readText(path, 'a text')
  if (text === '') throw expected('a text with characters', path, text, 'INVALID_DATA')
  const characters = Characters.of([text])
  const vocabularySize = characters.size
  const model = new CharacterModel(fromOptions(characterConfigSchema, options, { vocabularySize }))
  const reading = fromOptions(readingSchema, options)
  const recipe = fromOptions(recipeSchema, options)
  const parts = splitText(text, path)
  const [train, validation] = [characters.encode(parts.train), characters.encode(parts.validation)]
  const least = leastCharacters(reading)
  if (train.length < least)
    throw expected(
      `${least} characters or more to train on, for --rows ${reading.rows} and --length ${reading.length},`,
      path,
      train.length,
      'INVALID_DATA',
    )
  process.stderr.write(`engine ${await useBackend(options.engine)}\n`)
  await mkdir(options.out, { recursive: true })
  return { text, train, validation, characters, model, reading, recipe, out: options.out }
}

async function evaluate(place: string, path: string, options: { all?: boolean; engine: Engine }) {
  const { nats, characters } = await evaluateText(
    place,
    await readText(path, 'a text'),
    { ...options, where: path },
    interruptible(),
  )
  process.stdout.write(
    `${nats.toFixed(4)} nats a character over ${characters} characters (${(nats / Math.LN2).toFixed(4)} bits, perplexity ${Math.exp(nats).toFixed(3)})\n`,
  )
}

interface SampleFlags {
  prime?: string
  length: number
  temperature: number
  topP: number
  seed: number
  engine: Engine
}

async function sample(place: string, { prime, seed, engine, ...options }: SampleFlags): Promise<void> {
  await withBundle(place, engine, async ({ model, characters }, runtime) => {
    const from = prime === undefined ? beginning(characters) : characters.encode(prime, undefined, '--prime')
    const given = { ...options, prime: from, random: new Random(seed, 'sample') }
    // With the first character, not before: what is refused has written nothing.
    let before = prime ?? ''
    await write(runtime, model, given, (character) => {
      process.stdout.write(before + characters.decode([character]))
      before = ''
    })
    process.stdout.write('\n')
  })
}
