import { Command } from 'commander'
import { ShowtellError } from '../errors.js'
import { RELEASE } from '../release.js'
import { INTERRUPTED } from './interrupt.js'

/** One file a command. Only the one that runs is loaded: together they take seconds to load. */
const COMMANDS = {
  caption: () => import('./caption.js'),
  serve: () => import('./serve.js'),
  evaluate: () => import('./evaluate.js'),
  prepare: () => import('./prepare.js'),
  train: () => import('./train.js'),
  average: () => import('./average.js'),
  calibrate: () => import('./calibrate.js'),
  card: () => import('./card.js'),
  tokenize: () => import('./tokenize.js'),
  fetch: () => import('./fetch.js'),
  compare: () => import('./compare.js'),
  char: () => import('./char.js'),
  classify: () => import('./classify.js'),
  translate: () => import('./translate.js'),
  'hidden-states': () => import('./hidden-states.js'),
  'gradient-flow': () => import('./gradient-flow.js'),
}

const program = new Command('showtell').description('Captions photos').version(RELEASE)
const asked = Object.entries(COMMANDS).filter(([name]) => name === process.argv[2])
for (const [, load] of asked.length === 0 ? Object.entries(COMMANDS) : asked) (await load()).register(program)
hintAfterError(program)

// What is said may go unheard, and the work goes on: a training outlives whoever watched its progress.
process.stderr.on('error', () => {})
process.stdout.on('error', (error) => {
  endUnread(error)
  process.stderr.write(`${lineOf(error) ?? error.message}\n`)
  process.exit(1)
})

try {
  await program.parseAsync()
} catch (error) {
  endUnread(error)
  const line = lineOf(error)
  if (line === undefined) throw error
  process.stderr.write(`${line}\n`)
  process.exitCode = error instanceof ShowtellError && error.code === 'ABORTED' ? INTERRUPTED : 1
}

/** Has a command, and those under it, say after an error where its help is: the help would push the error out of sight. */
function hintAfterError(command: Command, called = command.name()): void {
  command.showHelpAfterError(`${called} --help says what there is`)
  for (const each of command.commands) hintAfterError(each, `${called} ${each.name()}`)
}

/** Ends the command in silence where whoever reads has had enough, as `head` has. */
function endUnread(error: unknown): void {
  if (error instanceof Error && 'code' in error && error.code === 'EPIPE') process.exit()
}

/** What is said of an error that is no fault of the program: one of ours, or what the system refused. */
function lineOf(error: unknown): string | undefined {
  if (error instanceof ShowtellError) return `${error.code}: ${error.message}`
  // Its message begins with its code, and names the path unless that was open.
  return error instanceof Error && 'syscall' in error ? error.message : undefined
}
