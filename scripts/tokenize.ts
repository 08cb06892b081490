import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { tokenize } from '../data/tokenizer.js'
import { messageOf, ShowtellError } from '../errors.js'

/** `showtell tokenize`: the tokens that caption scores are computed with. */
export function register(program: Command): void {
  program
    .command('tokenize')
    .description('print the tokens of each line, as the COCO evaluation makes them')
    .argument('[file]', 'one caption a line; the standard input when absent')
    .action(async (file: string | undefined) => {
      const input = file === undefined ? process.stdin : createReadStream(file)
      try {
        for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }))
          process.stdout.write(`${tokenize(line).join(' ')}\n`)
      } catch (cause) {
        const where = file ?? 'the standard input'
        throw new ShowtellError('NOT_FOUND', `Expected lines in ${where}: ${messageOf(cause)}`, {
          where,
          cause,
        })
      }
    })
}
