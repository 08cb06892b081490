import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { rewriteBundle } from '../decoder/bundle.js'
import { cardScoresOf } from '../decoder/card-scores.js'
import { expected, messageOf, ShowtellError } from '../errors.js'

/** `showtell card`: writes the model card of a bundle anew, with scores. */
export function register(program: Command): void {
  program
    .command('card')
    .description(
      'write the model card of a bundle anew, with scores, intervals, reliability, bias and failures',
    )
    .requiredOption('--bundle <folder>', 'bundle to describe')
    .option(
      '--scores <set=file...>',
      'what showtell evaluate --json wrote of a set of photos; those the bundle has when absent',
    )
    .action(card)
}

async function card(options: { bundle: string; scores?: string[] }): Promise<void> {
  if (options.scores === undefined) return rewriteBundle(options.bundle, {})
  const scores = options.scores.map(async (option) => {
    const [, set, file] = /^([^=]+)=(.+)$/.exec(option) ?? []
    if (set === undefined || file === undefined) throw expected('set=file', '--scores', option)
    return cardScoresOf(set, await evaluationOf(file), file)
  })
  await rewriteBundle(options.bundle, { scores: await Promise.all(scores) })
}

async function evaluationOf(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new ShowtellError('INVALID_DATA', `Expected whole JSON in ${file}: ${messageOf(cause)}`, {
      where: file,
      cause,
    })
  }
}
