import { join } from 'node:path'
import { Argument, type Command } from 'commander'
import { type FetchProgress, fetchSource } from '../data/fetch/fetch.js'
import { SOURCES, type Source, type SourceName } from '../data/fetch/sources.js'
import { expected } from '../errors.js'
import { interruptible } from './interrupt.js'
import { progressBar, say } from './progress.js'

/** How else `evaluate` is told to score photos that nothing was trained on, in the words of their captions. */
const UNSEEN: Readonly<Record<SourceName, string>> = {
  'coco-subset': '',
  flickr8k: ' --split test --style flickr8k',
}

/** `showtell fetch`: data sets from their official hosts. */
export function register(program: Command): void {
  program
    .command('fetch')
    .description('download a data set from its official host; resumable')
    .addArgument(new Argument('<name>', 'data set').choices(Object.keys(SOURCES)))
    .option('--out <folder>', 'where to; a folder of its name when absent')
    .option('--mirror <address>', 'a server that has the files under the same paths, asked instead')
    .action(run)
}

/** What the bar shows: both rounded one way, or it would never be full; 0 for a total that the server does not tell. */
export function inWholes({ done, total }: Pick<FetchProgress, 'done' | 'total'>): {
  done: number
  total: number
} {
  return { done: Math.ceil(done), total: Math.ceil(total || 0) }
}

async function run(name: SourceName, options: { out?: string; mirror?: string }): Promise<void> {
  const { mirror } = options
  if (mirror !== undefined && !URL.canParse(mirror)) throw expected('an address', '--mirror', mirror)
  const source: Source = SOURCES[name]
  const folder = options.out ?? name
  say(`${name}: ${source.title}\n${source.terms}`)
  let bar: ReturnType<typeof progressBar> | undefined
  let shown = ''
  const onProgress = ({ what, unit, ...counts }: FetchProgress): void => {
    const { done, total } = inWholes(counts)
    if (what !== shown) {
      bar?.stop()
      shown = what
      bar = progressBar(`${what}, ${unit}`, total, done)
    }
    bar?.update(done)
  }
  try {
    const { failed, firstSeen } = await fetchSource(source, folder, {
      signal: interruptible(),
      onProgress,
      onTrouble: say,
      ...(mirror !== undefined && { mirror }),
    })
    bar?.stop()
    if (firstSeen > 0)
      say(
        `${firstSeen} files have no published sum; theirs are written down in ${join(folder, 'SHA256SUMS')}, and what comes later has to agree`,
      )
    for (const { message } of failed) say(message)
    if (failed.length > 0) {
      say(`${failed.length} of the files could not be had; the next run tries again`)
      process.exitCode = 1
    }
  } finally {
    bar?.stop()
  }
  const [references, photos] = [source.captions, 'photos'].map((place) => argument(join(folder, place)))
  process.stdout.write(`showtell evaluate --references ${references} --images ${photos}${UNSEEN[name]}\n`)
}

/** A path as shells take it; in quotes, those of Windows too, where it has anything that may mean something to one. */
function argument(path: string): string {
  return /^[\w./:@+-]+$/.test(path) ? path : `"${path.replace(/["$`\\]/g, '\\$&')}"`
}
