import { basename } from 'node:path'
import type { Command } from 'commander'
import { averageOf } from '../decoder/average.js'
import { readBundle, writeBundle } from '../decoder/bundle.js'

/** `showtell average`: bundles that went on from one another as one, whose weights are the mean of theirs. */
export function register(program: Command): void {
  program
    .command('average')
    .description(
      'make one bundle of several that went on from one another, or from the same one: each weight is the mean of theirs',
    )
    .argument('<bundles...>', 'two or more; one that is given twice counts twice')
    .requiredOption('--out <folder>', 'where the bundle goes')
    .option('--name <name>', 'name of the bundle; that of the folder --out when absent')
    .action(average)
}

async function average(places: string[], { out, name }: { out: string; name?: string }): Promise<void> {
  const bundles = await Promise.all(places.map(readBundle))
  await writeBundle(out, averageOf(bundles, name ?? basename(out)))
  process.stderr.write(`wrote ${out}\n`)
}
