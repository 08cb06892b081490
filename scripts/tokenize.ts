import { isUtf8 } from 'node:buffer'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import { readText } from '../data/text-file.js'
import { tokenize } from '../data/tokenizer.js'
import { expected } from '../errors.js'

/** `showtell tokenize`: the tokens that caption scores are computed with. */
export function register(program: Command): void {
  program
    .command('tokenize')
    .description('print the tokens of each line, as the COCO evaluation makes them')
    .argument('[file]', 'one caption a line, UTF-8; the standard input when absent')
    .action(async (file: string | undefined) => {
      const text = file === undefined ? await readInput() : await readText(file, 'lines')
      // Only what ends a line of a caption file does here: line n of the output is caption n.
      const lines = text.split('\n')
      if (lines.at(-1) === '') lines.pop()
      process.stdout.write(lines.map((line) => `${tokenize(line).join(' ')}\n`).join(''))
    })
}

async function readInput(): Promise<string> {
  const bytes = await buffer(process.stdin)
  if (!isUtf8(bytes)) throw expected('text in UTF-8', 'the standard input', 'other bytes', 'INVALID_DATA')
  // Without a byte order mark, as `readText` gives a file.
  return new TextDecoder().decode(bytes)
}
