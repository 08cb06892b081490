import { readText } from '../data/text-file.js'
import type { Engine } from '../engine/backends.js'
import { expected } from '../errors.js'
import type { TextState } from '../language/character-runtime.js'
import { rankingsOf, textSignals, tracedStates, tracesOf } from '../language/hidden.js'
import { beginning, read, write } from '../language/reading.js'
import { Random } from '../random.js'
import { withBundle } from './char-bundle.js'
import { headingOf, makeHiddenPlaces, writeHidden } from './hidden-page.js'

/** `showtell char visualise`. */
export async function visualise(
  place: string,
  path: string | undefined,
  options: { length: number; seed: number; out: string; engine: Engine },
): Promise<void> {
  const { length, out } = options
  await makeHiddenPlaces(out)
  await withBundle(place, options.engine, async ({ model, characters }, runtime) => {
    if (tracedStates(model.states).length === 0)
      throw expected('a model with a hidden state', place, model.config.model)
    const own = async () => {
      const random = new Random(options.seed, 'sample')
      return write(runtime, model, {
        prime: beginning(characters),
        length,
        temperature: 0.8,
        topP: 1,
        random,
      })
    }
    const text =
      path === undefined ? await own() : characters.encode(await begun(path, length), undefined, path)
    const states: TextState[] = []
    for await (const { state } of read(runtime, model, text)) states.push(state)
    const units = tracesOf(states)
    const tokens = Array.from(text, (id) => characters.decode([id]))
    const rankings = rankingsOf(units, textSignals(tokens))
    const title = `${units.length} units of ${model.config.model} over ${tokens.length} characters`
    for (const ranking of rankings) {
      const best = ranking.followers.map(
        ({ unit, correlation }) => `${units[unit]!.name} (${correlation.toFixed(2)})`,
      )
      process.stdout.write(`${headingOf(ranking)}: ${best.join(', ') || 'no unit follows it'}\n`)
    }
    await writeHidden(out, { title, tokens, units, rankings })
  })
}

/** The first characters of a text file: what the model does not know after them is no matter. */
async function begun(path: string, length: number): Promise<string> {
  const text = await readText(path, 'a text')
  if (text === '') throw expected('a text with characters', path, text, 'INVALID_DATA')
  // A character is two code units at most.
  return Array.from(text.slice(0, 2 * length))
    .slice(0, length)
    .join('')
}
