import { readText } from '../data/text-file.js'
import type { Engine } from '../engine/backends.js'
import type { TextState } from '../language/character-runtime.js'
import { followers, textSignals, tracesOf } from '../language/hidden.js'
import { read, write } from '../language/reading.js'
import { Random } from '../random.js'
import { withBundle } from './char-bundle.js'
import { hiddenPage, hiddenPicture } from './hidden-page.js'
import { writeWhole } from './whole-file.js'

/** Units shown of those that follow something. */
const SHOWN = 12

/** `showtell char visualise`. */
export async function visualise(
  place: string,
  path: string | undefined,
  options: { length: number; seed: number; out: string; engine: Engine },
): Promise<void> {
  await withBundle(place, options.engine, async ({ model, characters }, runtime) => {
    const own = async () => {
      const random = new Random(options.seed, 'sample')
      const prime = characters.encode('\n', 0)
      return write(runtime, model, { prime, length: options.length, temperature: 0.8, topP: 1, random })
    }
    const ids = path === undefined ? await own() : characters.encode(await readText(path, 'a text'))
    const text = ids.subarray(0, options.length)
    const states: TextState[] = []
    for await (const { state } of read(runtime, model, text)) states.push(state)
    const units = tracesOf(states)
    const tokens = Array.from(text, (id) => characters.decode([id]))
    const rankings = textSignals(tokens).map((signal) => ({
      name: signal.name,
      followers: followers(units, signal, SHOWN),
    }))
    const title = `${units.length} units of ${model.config.model} over ${tokens.length} characters`
    const shown = { title, tokens, units, rankings }
    await writeWhole(`${options.out}.html`, hiddenPage(shown))
    await writeWhole(`${options.out}.svg`, hiddenPicture(shown))
    for (const { name, followers: best } of rankings)
      process.stdout.write(
        `${name}: ${best.map(({ unit, correlation }) => `${units[unit]!.name} (${correlation.toFixed(2)})`).join(', ') || 'nothing of it in this text'}\n`,
      )
    process.stderr.write(`wrote ${options.out}.html and ${options.out}.svg\n`)
  })
}
