import type { Command } from 'commander'
import { isContentWord } from '../data/function-words.js'
import { type Bundle, readBundle } from '../decoder/bundle.js'
import { Captioning } from '../decoder/captioning.js'
import { captionOptionsSchema } from '../decoder/options.js'
import type { Runtime } from '../decoder/runtime.js'
import { tensorFlowRuntime } from '../decoder/tensorflow-runtime.js'
import { decodeImage } from '../encoder/image.js'
import { BACKENDS, type Backend } from '../engine/backends.js'
import { DEFAULT_BUNDLE } from '../engine/shipped.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { expected, type ShowtellError } from '../errors.js'
import { rankingsOf, type Signal, tracesOf } from '../language/hidden.js'
import type { CellState } from '../rnn/cell.js'
import { numbersOf } from '../rnn/truncated.js'
import { makeHiddenPlaces, writeHidden } from './hidden-page.js'
import { interruptible } from './interrupt.js'
import { leftOut } from './left-out.js'
import { progressBar } from './progress.js'
import { engineOption } from './schema-options.js'

interface Options {
  bundle: string
  out: string
  engine: Backend | 'auto'
}

type States = Readonly<Record<string, Float32Array>>

/** `showtell hidden-states`: what the units of a captioner do over the words of captions. */
export function register(program: Command): void {
  program
    .command('hidden-states')
    .description('a page of captions coloured by what units of the decoder do, and a picture of the clearest')
    .argument('<photos...>', 'photo files')
    .option('--bundle <folder>', 'captioner', DEFAULT_BUNDLE)
    .option('--out <name>', 'where the page (.html) and the picture (.svg) go', 'hidden-states')
    .addOption(engineOption(BACKENDS))
    .action(hiddenStates)
}

async function hiddenStates(photos: string[], { bundle: place, out, engine }: Options): Promise<void> {
  const signal = interruptible()
  const bundle = await readBundle(place)
  await makeHiddenPlaces(out)
  const runtime = await tensorFlowRuntime(bundle, engine)
  const bar = progressBar('caption', photos.length)
  const captions: { words: readonly string[]; states: States[] }[] = []
  try {
    for (const [i, photo] of photos.entries()) {
      signal.throwIfAborted()
      const pixels = await pixelsOf(photo, bundle.encoder.imageSize)
      if (pixels !== undefined) captions.push(await captionWithStates(bundle, runtime, pixels))
      bar.update(i + 1)
    }
  } finally {
    bar.stop()
    await runtime.close()
  }
  if (captions.length === 0)
    throw expected('at least one photo that can be read', 'hidden-states', 'none', 'INVALID_DATA')
  const words = captions.flatMap((caption) => caption.words)
  const traces = tracesOf(captions.flatMap(({ states }) => states))
  const rankings = rankingsOf(traces, wordSignals(captions.map((caption) => caption.words)))
  // A space after each word and a line a caption; what lies between two words has no value of its own.
  const tokens = captions.flatMap((caption) => caption.words.flatMap((word) => [word, ' ']).with(-1, '\n'))
  const units = traces.map(({ name, values }) => ({
    name,
    values: Float32Array.from(tokens, (_, i) => (i % 2 === 0 ? values[i / 2]! : 0)),
  }))
  const title = `${units.length} units of the decoder over the ${words.length} words of ${captions.length} captions`
  await writeHidden(out, { title, tokens, units, rankings })
}

/** Undefined for a photo that cannot be read, which is told; the others go on and the exit code is 1. */
function pixelsOf(photo: string, size: number): Promise<Uint8Array | undefined> {
  return decodeImage(photo, size).catch((error: ShowtellError) => {
    leftOut(error)
    process.exitCode = 1
    return undefined
  })
}

/** The caption that the search finds, and the states of the decoder after each of its words. */
async function captionWithStates(
  bundle: Bundle,
  runtime: Runtime,
  pixels: Uint8Array,
): Promise<{ words: readonly string[]; states: States[] }> {
  const { vocabulary, config } = bundle
  const captioning = new Captioning(bundle, runtime)
  const { captions } = await captioning.caption(pixels, 1, captionOptionsSchema.parse({}))
  const { tokens: words } = captions[0]![0]!
  const model = await runtime.encode(pixels, 1, false)
  const ops = new TensorFlowOps()
  const free = new Float32Array(model.vocabularySize)
  let state = await model.start()
  const states: States[] = []
  try {
    const ids = [vocabulary.startOf(config.defaultStyle), ...vocabulary.encode(words)]
    for (const [place, id] of ids.entries()) {
      const after = await model.step(Int32Array.of(id), state, 1, free)
      model.release(state)
      state = after.state
      // After the start token no word has been said yet.
      if (place > 0) states.push(numbersOf(ops, state as CellState<Tensor>))
    }
  } finally {
    model.release(state)
    model.dispose()
  }
  return { words, states }
}

/** What a unit may follow: how far the caption has come, and whether the word names something. */
function wordSignals(captions: readonly (readonly string[])[]): Signal[] {
  const words = captions.flat()
  return [
    {
      name: 'position in the caption',
      values: Float32Array.from(captions.flatMap((caption) => caption.map((_, i) => i))),
    },
    { name: 'a content word', values: Float32Array.from(words, (word) => (isContentWord(word) ? 1 : 0)) },
  ]
}
