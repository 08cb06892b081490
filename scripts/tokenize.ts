import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import { linesOf } from '../data/text-file.js'
import { tokenize } from '../data/tokenizer.js'

/** `showtell tokenize`: the tokens that caption scores are computed with. */
export function register(program: Command): void {
  program
    .command('tokenize')
    .description('print the tokens of each line, as the COCO evaluation makes them')
    .argument('[file]', 'one caption a line, UTF-8; the standard input when absent')
    .action(async (file: string | undefined) => {
      const input = file === undefined ? process.stdin : createReadStream(file)
      // Only what ends a line of a caption file does here: line n of the output is caption n.
      for await (const lines of linesOf(input, file ?? 'the standard input')) {
        const text = lines.map((line) => `${tokenize(line).join(' ')}\n`).join('')
        // What nobody takes yet would pile up in memory.
        if (!process.stdout.write(text)) await once(process.stdout, 'drain')
      }
    })
}
