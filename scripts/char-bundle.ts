import type { Engine } from '../engine/backends.js'
import { type CharacterBundle, readCharacterBundle } from '../language/character-bundle.js'
import { type CharacterRuntime, openCharacterRuntime } from '../language/character-runtime.js'
import { splitText } from '../language/characters.js'
import { natsOf } from '../language/reading.js'
import { progressBar } from './progress.js'

/** A bundle with what runs it, for as long as `use` takes. Says which engine where it is not the usual one. */
export async function withBundle<R>(
  place: string,
  engine: Engine,
  use: (bundle: CharacterBundle, runtime: CharacterRuntime) => Promise<R>,
): Promise<R> {
  const bundle = await readCharacterBundle(place)
  const runtime = await openCharacterRuntime(bundle, engine)
  if (runtime.engine !== 'onnx') process.stderr.write(`engine: ${runtime.engine}\n`)
  try {
    return await use(bundle, runtime)
  } finally {
    await runtime.close()
  }
}

/** Nats a character of a text, of its last tenth or of all, read from beginning to end with the state carried. */
export async function evaluateText(
  place: string,
  text: string,
  { all = false, engine, where }: { all?: boolean; engine: Engine; where?: string },
  signal: AbortSignal,
): Promise<{ nats: number; characters: number }> {
  return withBundle(place, engine, async ({ model, characters }, runtime) => {
    // What the model does not know before the part that is read is no matter.
    const part = all ? text : splitText(text, where).validation
    const read = characters.encode(part, undefined, where)
    const bar = progressBar('read', read.length - 1)
    try {
      const nats = await natsOf(runtime, model, read, (count, sofar) => {
        signal.throwIfAborted()
        bar.update(count, `${sofar.toFixed(4)} nats`)
      })
      bar.update(read.length - 1)
      return { nats, characters: read.length - 1 }
    } finally {
      bar.stop()
    }
  })
}
