import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { backends, tensorCount } from '../engine/fixtures/backends.js'
import { initialize } from '../engine/initialize.js'
import { Random } from '../random.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { type CharacterBundle, readCharacterBundle, writeCharacterBundle } from './character-bundle.js'
import { CharacterModel, characterConfigSchema, MODELS } from './character-model.js'
import { type CharacterRuntime, openCharacterRuntime } from './character-runtime.js'
import { Characters } from './characters.js'
import { beginning, natsOf, read, write } from './reading.js'

const characters = Characters.of(['\n abc'])
const folder = temporaryFolder('character-bundle')

async function bundleOf(model: string): Promise<CharacterBundle> {
  const config = { model, layers: 2, units: 6, embeddingSize: 4, vocabularySize: characters.size }
  const made = new CharacterModel(characterConfigSchema.parse(config))
  // Far from even chances.
  const weights = Object.fromEntries(
    Object.entries(initialize(made.parameters, 3)).map(([name, values]) => [
      name,
      values.map((value) => 3 * value),
    ]),
  )
  await writeCharacterBundle(join(folder, model), {
    model: made,
    characters,
    weights,
    training: { steps: 1 },
  })
  return readCharacterBundle(join(folder, model))
}

async function nats(runtime: CharacterRuntime, { model }: CharacterBundle, text: string): Promise<number> {
  let sum = 0
  for await (const { logProb } of read(runtime, model, characters.encode(text))) sum -= logProb ?? 0
  return sum
}

const TEXT = 'abba cab\ncab abba\n'

describe('a character bundle', () => {
  it.each(MODELS)('of %s says the same in onnxruntime and in TensorFlow.js', async (name) => {
    const bundle = await bundleOf(name)
    expect(bundle.characters.list).toEqual(characters.list)
    const onnx = await openCharacterRuntime(bundle, 'onnx')
    const truth = await nats(onnx, bundle, TEXT)
    await onnx.close()
    expect(truth).toBeGreaterThan(1)
    for (const backend of backends) {
      const runtime = await openCharacterRuntime(bundle, backend)
      const before = tensorCount()
      expect(await nats(runtime, bundle, TEXT)).toBeCloseTo(truth, 3)
      expect(tensorCount(), 'tensors alive').toBe(before)
      await runtime.close()
    }
  })

  it('is opened on an engine that there is', async () => {
    const bundle = await bundleOf('rnn')
    await expect(openCharacterRuntime(bundle, 'toString' as 'cpu')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'Expected one of auto, onnx, native, wasm, cpu for engine but received "toString"',
    })
  })

  it('runs in TensorFlow.js where onnxruntime does not load, and says why', async () => {
    const bundle = await bundleOf('rnn')
    vi.doMock('onnxruntime-node', () => {
      throw new Error('no binding')
    })
    vi.resetModules()
    const { openCharacterRuntime: open } = await import('./character-runtime.js')
    const { engine, close } = await open(bundle, 'auto')
    await close()
    expect(engine).toMatch(
      /^TensorFlow\.js (native|wasm), slower, because: Expected onnxruntime-node to load/,
    )
    vi.doUnmock('onnxruntime-node')
  })

  it('that ships is opened by its name, and a captioner is told from it', async () => {
    const { path } = await readCharacterBundle('showtell-char')
    expect(path).toMatch(/models.showtell-char$/)
    await expect(readCharacterBundle('showtell-base')).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      message: expect.stringMatching(
        /^Expected characters for kind in .*showtell-base.config\.json but received "captioner"$/,
      ),
    })
    await expect(readCharacterBundle('showtell-chat')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('that was changed, or is of another kind, is refused by name', async () => {
    const { path } = await bundleOf('gru')
    const config = join(path, 'config.json')
    const text = await readFile(config, 'utf8')
    const given = { code: 'INVALID_BUNDLE' }
    await writeFile(config, text.replace('"characters"', '"translator"'))
    await expect(readCharacterBundle(path)).rejects.toMatchObject({
      ...given,
      message: expect.stringContaining('Expected characters for kind'),
    })
    await writeFile(config, text.replace('"units": 6', '"units": 7'))
    await expect(readCharacterBundle(path)).rejects.toMatchObject({
      ...given,
      message: expect.stringContaining('network.w'),
    })
    await writeFile(config, text.replace('"vocabularySize": 5', '"vocabularySize": 6'))
    await expect(readCharacterBundle(path)).rejects.toMatchObject(given)
    for (const [from, to, message] of [
      ['"layers": 2', '"layers": 1, "connection": "highway"', /2 layers or more/],
      ['"a"', '"b"', /characters: every character may come once/],
    ] as const) {
      const changed = text.replace('"connection": "plain",', '').replace(from, to)
      await writeFile(config, changed)
      const error = await readCharacterBundle(path).catch((thrown) => thrown)
      expect(error).toMatchObject({ ...given, where: config })
      expect(error.message).toMatch(message)
    }
    await writeFile(config, text)
    await writeFile(join(path, 'step.onnx'), 'other')
    await expect(readCharacterBundle(path)).rejects.toMatchObject({
      ...given,
      message: expect.stringContaining('step.onnx'),
    })
  })
})

describe('nats a character', () => {
  it('are those of all characters but the first; a text of fewer than two has none', async () => {
    const bundle = await bundleOf('lstm')
    const runtime = await openCharacterRuntime(bundle, 'onnx')
    const of = (text: string) => natsOf(runtime, bundle.model, characters.encode(text))
    expect(await of(TEXT)).toBeCloseTo((await nats(runtime, bundle, TEXT)) / (TEXT.length - 1), 10)
    for (const text of ['', 'a'])
      await expect(of(text)).rejects.toMatchObject({
        code: 'INVALID_DATA',
        message: `Expected 2 characters or more for the text but received ${text.length}`,
      })
    await runtime.close()
  })
})

describe('writing', () => {
  it('begins after a break, or where none is known after any character', () => {
    expect([...beginning(Characters.of(['a\nb']))]).toEqual([0])
    expect([...beginning(Characters.of(['\t\n']))]).toEqual([1])
    expect([...beginning(Characters.of(['ab']))]).toEqual([0])
  })

  const options = { prime: characters.encode('\n'), length: 12, temperature: 1, topP: 1 }

  it('gives as many characters as asked for, the same from the same seed', async () => {
    const bundle = await bundleOf('lstm')
    const runtime = await openCharacterRuntime(bundle, 'onnx')
    const draw = (seed: number) => write(runtime, bundle.model, { ...options, random: new Random(seed) })
    const texts = [await draw(1), await draw(1), await draw(2)]
    for (const text of texts) expect(text).toHaveLength(12)
    expect(texts[1]).toEqual(texts[0])
    expect(texts[2]).not.toEqual(texts[0])
    await runtime.close()
  })

  it('takes the likeliest character when only that one is left, after the whole prime', async () => {
    const bundle = await bundleOf('lstm')
    const runtime = await openCharacterRuntime(bundle, 'onnx')
    const prime = characters.encode('ab c\n')
    const text = await write(runtime, bundle.model, { ...options, prime, topP: 1e-9, random: new Random(1) })
    let state = bundle.model.zeros(1).values
    let likeliest = -1
    for (const [i, id] of [...prime, ...text].entries()) {
      if (i >= prime.length) expect(id).toBe(likeliest)
      const after = await runtime.step(Int32Array.of(id), state)
      state = after.state
      likeliest = after.logProbs.indexOf(Math.max(...after.logProbs))
    }
    await runtime.close()
  })

  it('draws each character as often as its chance says', async () => {
    const bundle = await bundleOf('window-1')
    const runtime = await openCharacterRuntime(bundle, 'onnx')
    const { logProbs } = await runtime.step(options.prime, bundle.model.zeros(1).values)
    const counts = new Float64Array(characters.size)
    const random = new Random('draws')
    const draws = 2000
    for (let i = 0; i < draws; i++) {
      const [id] = await write(runtime, bundle.model, { ...options, length: 1, temperature: 2, random })
      counts[id!]!++
    }
    const chances = Array.from(logProbs, (logProb) => Math.exp(logProb / 2))
    const sum = chances.reduce((total, chance) => total + chance)
    // Chi-square with 4 degrees of freedom: above 18.5 once in a thousand seeds.
    const chi = chances.reduce((total, chance, i) => {
      const wanted = (draws * chance) / sum
      return total + (counts[i]! - wanted) ** 2 / wanted
    }, 0)
    expect(chi).toBeLessThan(18.5)
    await runtime.close()
  })
})
