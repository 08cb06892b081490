import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, it } from 'vitest'
import { isContentWord } from '../data/function-words.js'
import { readBundle, writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { tensorFlowRuntime } from '../decoder/tensorflow-runtime.js'
import { decodeImage } from '../encoder/image.js'
import { type Tensor, TensorFlowOps } from '../engine/tensorflow.js'
import { rankingsOf } from '../language/hidden.js'
import type { CellState } from '../rnn/cell.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { inProcess } from './fixtures/commands.js'
import { headingOf } from './hidden-page.js'
import { register } from './hidden-states.js'

const [PHOTO, OTHER] = ['astronaut', 'flower'].map((name) =>
  fileURLToPath(new URL(`../examples/${name}.jpg`, import.meta.url)),
) as [string, string]

const folder = temporaryFolder('hidden-states')
const at = (name: string): string => join(folder, name)
beforeAll(() => writeBundle(at('bundle'), tinyContent()))

const { saidBy, refusalOf } = inProcess(register)
const show = (photos: readonly string[], out: string): string[] => [
  ...['hidden-states', ...photos, '--bundle', at('bundle'), '--engine', 'cpu', '--out', at(out)],
]

it('writes page and picture into a folder of its own, and refuses a place that is taken before it captions', async () => {
  await saidBy(show([PHOTO], 'new/place/states'))
  expect((await readdir(at('new/place'))).sort()).toEqual(['states.html', 'states.svg'])
  await mkdir(at('taken.svg'))
  expect(await refusalOf(show([PHOTO], 'taken'))).toContain(
    `INVALID_ARGUMENT: Expected a file that can be written for ${at('taken.svg')} but received "a folder"`,
  )
})

it('leaves out a photo that cannot be read, and writes nothing where none can', async () => {
  await writeFile(at('broken.jpg'), 'no photo')
  expect(await saidBy(show([at('broken.jpg'), PHOTO], 'some'), [1])).toMatch(/^left out: .*broken\.jpg/m)
  expect(await readFile(at('some.html'), 'utf8')).toMatch(/over the \d+ words of 1 captions/)
  expect(await refusalOf(show([at('broken.jpg')], 'none'))).toContain(
    'INVALID_DATA: Expected at least one photo that can be read for hidden-states but received "none"',
  )
  expect((await readdir(folder)).filter((name) => name.startsWith('none'))).toEqual([])
})

/** The cells after each word, tanh of them, by a decoder that is stepped by hand. */
async function cellsAfter(words: readonly string[], photo: string): Promise<Float32Array[]> {
  const bundle = await readBundle(at('bundle'))
  const { vocabulary, config } = bundle
  const runtime = await tensorFlowRuntime(bundle, 'cpu')
  const model = await runtime.encode(await decodeImage(photo, bundle.encoder.imageSize), 1, false)
  const after = async (state: unknown, id: number) =>
    (await model.step(Int32Array.of(id), state, 1, new Float32Array(vocabulary.size)))
      .state as CellState<Tensor>
  let state = await after(await model.start(), vocabulary.startOf(config.defaultStyle))
  const cells: Float32Array[] = []
  for (const id of vocabulary.encode(words)) {
    state = await after(state, id)
    cells.push(Float32Array.from(new TensorFlowOps().read(state.cell!), Math.tanh))
  }
  await runtime.close()
  return cells
}

it('shows of each word the cells after it, and ranks them by the place of the word and by what it is', async () => {
  const photos = [PHOTO, OTHER]
  await saidBy(show(photos, 'both'))
  const page = await readFile(at('both.html'), 'utf8')
  const { tokens, units, values, rankings } = JSON.parse(/^const \{.*?\} = (.*)$/m.exec(page)![1]!)
  const lines: string[] = tokens.join('').trimEnd().split('\n')
  const captions = lines.map((line) => line.split(' '))
  const words = captions.flat()
  expect(words.flatMap((word, i) => [word, tokens[2 * i + 1]])).toEqual(tokens)
  const cells = (await Promise.all(captions.map((caption, i) => cellsAfter(caption, photos[i]!)))).flat()
  const bytes = new Int8Array(Buffer.from(values, 'base64'))
  const traces = (units as string[]).map((name, unit) => {
    const trace = Float32Array.from(cells, (cell) => cell[unit]!)
    const wanted = Int8Array.from([...trace].flatMap((value) => [Math.round(127 * value), 0]))
    expect(bytes.subarray(unit * tokens.length, (unit + 1) * tokens.length)).toEqual(wanted)
    return { name, values: trace }
  })
  const signals = [
    { name: 'position in the caption', of: (_: string, place: number) => place },
    { name: 'a content word', of: (word: string) => Number(isContentWord(word)) },
  ].map(({ name, of }) => ({
    name,
    values: Float32Array.from(captions.flatMap((caption) => caption.map(of))),
  }))
  expect(rankings).toEqual(
    rankingsOf(traces, signals).map((ranking) => ({
      heading: headingOf(ranking),
      followers: ranking.followers.map(({ unit, correlation }) => [unit, Number(correlation.toFixed(3))]),
    })),
  )
})
