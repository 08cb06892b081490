import { basename, resolve } from 'node:path'
import type { Command } from 'commander'
import { averageOf } from '../decoder/average.js'
import { readBundle } from '../decoder/bundle.js'
import { checkReplaceable } from '../engine/folder.js'
import { imageSizeOption } from './encoder-options.js'
import { writeKept } from './kept-bundle.js'

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
    .addOption(imageSizeOption([]))
    .action(average)
}

async function average(
  places: string[],
  { out, name, imageSize }: { out: string; name?: string; imageSize?: number },
): Promise<void> {
  await checkReplaceable(out)
  const bundles = await Promise.all(places.map(readBundle))
  await writeKept(out, averageOf(bundles, name ?? basename(resolve(out)), imageSize), 'these bundles')
}
