import type { Command } from 'commander'
import { rewriteBundle } from '../decoder/bundle.js'
import { cardScoresOf } from '../decoder/card-scores.js'
import { checkDiagrams } from '../decoder/model-card.js'
import { readJson } from '../engine/folder.js'
import { checkOwn } from './kept-bundle.js'
import { namedPath } from './schema-options.js'

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
  await checkOwn(options.bundle)
  if (options.scores === undefined) return rewriteBundle(options.bundle)
  const named = options.scores.map((option) => namedPath(option, 'set=file', '--scores'))
  checkDiagrams(named.map(([set]) => set))
  const evaluations = await Promise.all(
    named.map(([, file]) => readJson<unknown>(file, (value) => value, 'INVALID_DATA')),
  )
  await rewriteBundle(options.bundle, ({ confidence }) => ({
    scores: named.map(([set, file], i) => cardScoresOf(set, evaluations[i], file, confidence !== undefined)),
  }))
}
