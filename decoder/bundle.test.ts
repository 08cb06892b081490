import { createHash } from 'node:crypto'
import { cp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { decodeModel } from '../engine/fixtures/onnx-model.js'
import { fromFloat16, readSafetensors, toFloat16, writeSafetensors } from '../engine/safetensors.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import {
  type BundleContent,
  decoderWeightsOf,
  encoderWeightsOf,
  readBundle,
  rewriteConfidence,
  writeBundle,
} from './bundle.js'
import { TINY_ENCODER, tinyContent, VOCABULARY } from './fixtures/captioners.js'

const FILES = ['model.safetensors', 'encoder.onnx', 'decoder.onnx', 'vocabulary.json']
const content = tinyContent()

/** A config to break. */
type Json = Record<string, object | string | number>

const folder = temporaryFolder('bundle')
/** Left as it is. */
const whole = join(folder, 'whole')
beforeAll(() => writeBundle(whole, content))

describe('a bundle', () => {
  it('gives back what was written, weights rounded to float16', async () => {
    const bundle = await readBundle(whole)
    expect(bundle.path).toBe(whole)
    expect(bundle.config).toMatchObject(content.config)
    expect(bundle.vocabulary.toJSON()).toEqual(VOCABULARY.toJSON())
    expect(bundle.encoder.name).toBe(TINY_ENCODER.name)
    const { encoderWeights, decoderWeights } = content
    const decoder = decoderWeightsOf(bundle)
    expect(Object.keys(decoder).sort()).toEqual(Object.keys(decoderWeights).sort())
    for (const [name, data] of Object.entries(decoderWeights))
      expect(decoder[name]).toEqual(fromFloat16(toFloat16(data)))
    const encoder = encoderWeightsOf(bundle)
    expect(Object.keys(encoder).sort()).toEqual(Object.keys(encoderWeights).sort())
    for (const [name, { shape, data }] of Object.entries(encoderWeights)) {
      expect(encoder[name]!.shape).toEqual(shape)
      // Compared as bytes: there are many.
      const rounded = fromFloat16(toFloat16(data))
      expect(Buffer.from(encoder[name]!.data.buffer).equals(Buffer.from(rounded.buffer)), name).toBe(true)
    }
  })

  it('holds each weight once: both graphs refer to its bytes in model.safetensors', async () => {
    const { entries } = await readSafetensors(join(whole, 'model.safetensors'))
    const place = (offset: number, length: number): string => `${offset} + ${length}`
    const stored = new Set([...entries.values()].map(({ offset, length }) => place(offset, length)))
    const used = new Set<string>()
    for (const graph of ['encoder.onnx', 'decoder.onnx']) {
      const bytes = await readFile(join(whole, graph))
      expect(bytes.length).toBeLessThan(100_000)
      for (const { external_data, raw_data, name } of decodeModel(bytes).graph.initializer) {
        if (external_data === undefined || external_data.length === 0) {
          // A constant of a few numbers.
          expect(raw_data?.length, name).toBeLessThan(100)
          continue
        }
        const { location, offset, length } = Object.fromEntries(
          external_data.map(({ key, value }) => [key, value]),
        )
        expect(location).toBe('model.safetensors')
        used.add(place(Number(offset), Number(length)))
      }
    }
    expect(used).toEqual(stored)
  })

  it('has a card that names its parts', async () => {
    const card = await readFile(join(whole, 'README.md'), 'utf8')
    for (const part of ['# tiny', TINY_ENCODER.name, 'lstm', 'plain, ornate', 'For tests.', 'Limits'])
      expect(card).toContain(part)
  })
})

describe('readBundle', () => {
  let path: string
  beforeEach(async () => {
    path = temporaryFolder('broken', onTestFinished)
    await cp(whole, path, { recursive: true })
  })

  const refused = (where: string, message: string | RegExp = '') =>
    expect(readBundle(path)).rejects.toSatisfy((error: { code: string; message: string }) => {
      expect(error.code).toBe('INVALID_BUNDLE')
      expect(error.message).toContain(where)
      expect(error.message).toMatch(message)
      return true
    })
  const config = async (change: (config: Json) => unknown): Promise<void> => {
    const file = join(path, 'config.json')
    const value = JSON.parse(await readFile(file, 'utf8'))
    await writeFile(file, JSON.stringify(change(value) ?? value))
  }
  /** As a whole bundle with another file in it would have it. */
  const resum = async (file: string): Promise<void> => {
    const sum = createHash('sha256')
      .update(await readFile(join(path, file)))
      .digest('hex')
    await config(({ files, ...rest }) => ({ ...rest, files: { ...(files as object), [file]: sum } }))
  }

  it.each(FILES)('refuses a flipped bit in %s', async (file) => {
    const bytes = await readFile(join(path, file))
    const at = Math.floor(bytes.length / 2)
    bytes[at] = bytes[at]! ^ 1
    await writeFile(join(path, file), bytes)
    await refused(join(path, file))
  })

  it.each([...FILES, 'config.json'])('refuses a truncated %s', async (file) => {
    await truncate(join(path, file), (await readFile(join(path, file))).length - 10)
    await refused(join(path, file))
  })

  it.each(FILES)('refuses a bundle without %s', async (file) => {
    await rm(join(path, file))
    await refused(join(path, file), /no such file/)
  })

  it('opens one that ships by its name', async () => {
    const { path: shipped, config } = await readBundle('showtell-base')
    expect(config.name).toBe('showtell-base')
    expect(shipped).toMatch(/models.showtell-base$/)
    await expect(readBundle(join(folder, 'showtell-base'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(readBundle('..')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('says of a model of language what it is', async () => {
    await expect(readBundle('showtell-char')).rejects.toMatchObject({
      code: 'INVALID_BUNDLE',
      message: expect.stringMatching(
        /^Expected captioner for kind in .*showtell-char.config\.json but received "characters"$/,
      ),
    })
  })

  it('finds none without config.json', async () => {
    await rm(join(path, 'config.json'))
    await expect(readBundle(path)).rejects.toMatchObject({ code: 'NOT_FOUND', where: path })
    await expect(readBundle(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it.each<[string, (config: Json) => unknown, RegExp]>([
    ['an unknown key', (value) => ({ ...value, extra: 1 }), /Unrecognized key: "extra"/],
    ['a missing key', ({ name: _, ...value }) => value, /name/],
    ['a version that there never was', (value) => ({ ...value, version: 0 }), /version/],
    [
      'a later version',
      (value) => ({ ...value, version: 2, extra: 1 }),
      /^Expected version 1 \(later ones want a newer showtell\) for .*config\.json but received 2$/,
    ],
    ['an unknown encoder', (value) => ({ ...value, encoder: { name: 'eye', source: '' } }), /encoder\.name/],
    [
      'an unknown cell',
      ({ decoder, ...value }) => ({ ...value, decoder: { ...(decoder as object), cell: 'x' } }),
      /decoder\.cell/,
    ],
    [
      'a connection of nothing',
      ({ decoder, ...value }) => ({ ...value, decoder: { ...(decoder as object), connection: 'highway' } }),
      /2 layers or more/,
    ],
    [
      'a file without sum',
      (value) => ({ ...value, files: { 'model.safetensors': '' } }),
      /files\.encoder\.onnx/,
    ],
    ['a style of its own', (value) => ({ ...value, defaultStyle: 'loud' }), /plain, ornate.*"loud"/],
    ['a list', () => [], /expected object/],
  ])('refuses a config with %s', async (_, change, message) => {
    await config(change)
    await refused(join(path, 'config.json'), message)
  })

  it('refuses a config that is not JSON', async () => {
    await writeFile(join(path, 'config.json'), 'version: 1')
    await refused(join(path, 'config.json'), /JSON/)
  })

  it('refuses a vocabulary of another size', async () => {
    await writeFile(join(path, 'vocabulary.json'), JSON.stringify(VOCABULARY.extend(['zebra'])))
    await resum('vocabulary.json')
    await refused(join(path, 'vocabulary.json'), /Expected 78 tokens for .* but received 79/)
  })

  it('refuses a vocabulary that is none', async () => {
    await writeFile(join(path, 'vocabulary.json'), '{"words": []}')
    await resum('vocabulary.json')
    await refused(join(path, 'vocabulary.json'), /vocabulary\.version/)
  })

  it.each([
    ['units', 9, 'decoder.initial.hidden.w'],
    ['regions', 17, 'Expected the 16 of vgg16-conv5-eighth for regions'],
    ['channels', 65, 'Expected the 64 of vgg16-conv5-eighth for channels'],
  ])('refuses another number of %s', async (name, value, where) => {
    await config(({ decoder, ...rest }) => ({ ...rest, decoder: { ...(decoder as object), [name]: value } }))
    await refused(where)
  })

  it.each(['decoder.gate.b', 'encoder.conv5_3.filter'])('refuses weights without %s', async (missing) => {
    const file = await readSafetensors(join(path, 'model.safetensors'))
    const kept = [...file.entries]
      .filter(([name]) => name !== missing)
      .map(([name, { type, shape }]) => ({ name, type, shape, data: file.raw(name) }))
    await writeSafetensors(join(path, 'model.safetensors'), kept)
    await resum('model.safetensors')
    await refused(missing)
  })
})

describe('writeBundle', () => {
  let path: string
  beforeEach(async () => {
    path = join(temporaryFolder('written', onTestFinished), 'model')
    await cp(whole, path, { recursive: true })
  })
  const renamed: BundleContent = { ...content, config: { ...content.config, name: 'newer' } }
  const name = async (): Promise<string> => (await readBundle(path)).config.name
  const beside = () => readdir(join(path, '..'))
  /** Where the old one stands while the new one takes its place. */
  const displaced = () => join(path, '..', '.model.showtell-old')

  it('takes the place of a bundle', async () => {
    await writeFile(join(path, 'notes.txt'), 'of the old one')
    await writeBundle(path, renamed)
    expect(await name()).toBe('newer')
    expect(await readdir(path)).not.toContain('notes.txt')
    expect(await beside()).toEqual(['model'])
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 7e4])(
    'leaves the old one where a weight is %s',
    async (value) => {
      const gate = content.decoderWeights['gate.b']!.with(3, value)
      const broken = { ...renamed, decoderWeights: { ...content.decoderWeights, 'gate.b': gate } }
      await expect(writeBundle(path, broken)).rejects.toMatchObject({
        code: 'NUMERIC',
        where: 'decoder.gate.b',
      })
      expect(await name()).toBe('tiny')
      expect(await beside()).toEqual(['model'])
    },
  )

  it('writes none that would not open', async () => {
    await expect(
      writeBundle(path, { ...renamed, config: { ...renamed.config, terms: '' } }),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'Expected text of at least 1 characters for terms but received ""',
    })
    await expect(
      rewriteConfidence(path, { weights: [Number.NaN, 0, 0, 0], objects: {}, calibration: '' }),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await name()).toBe('tiny')
    expect(await beside()).toEqual(['model'])
  })

  it('takes a path with a slash at its end', async () => {
    await writeBundle(`${path}/`, renamed)
    expect(await name()).toBe('newer')
    expect(await beside()).toEqual(['model'])
    await rename(path, displaced())
    expect((await readBundle(`${path}/`)).config.name).toBe('newer')
  })

  it('names a weight that is missing', async () => {
    const { 'gate.b': _, ...decoderWeights } = content.decoderWeights
    await expect(writeBundle(path, { ...renamed, decoderWeights })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      where: 'decoder.gate.b',
    })
    expect(await name()).toBe('tiny')
  })

  it('opens as the old one after a kill between the two renames, and is written again', async () => {
    await rename(path, displaced())
    await cp(whole, `${path}.part`, { recursive: true })
    expect(await name()).toBe('tiny')
    await writeBundle(path, renamed)
    expect(await name()).toBe('newer')
    expect(await beside()).toEqual(['model'])
  })

  it('opens as the new one after a kill before the old one was deleted', async () => {
    await cp(whole, displaced(), { recursive: true })
    await rm(join(displaced(), 'config.json'))
    expect(await name()).toBe('tiny')
    await writeBundle(path, renamed)
    expect(await name()).toBe('newer')
    expect(await beside()).toEqual(['model'])
  })
})

it('rewriteConfidence changes the calibration and nothing else', async () => {
  const path = join(folder, 'calibrated')
  await cp(whole, path, { recursive: true })
  await rewriteConfidence(path, { weights: [1, 2, 3, 4], objects: { dog: 5 }, calibration: 'on ten photos' })
  const { config, weights } = await readBundle(path)
  expect(config).toEqual({
    ...(await readBundle(whole)).config,
    confidence: { weights: [1, 2, 3, 4], objects: { dog: 5 }, calibration: 'on ten photos' },
  })
  expect(weights.entries.size).toBeGreaterThan(0)
  expect(await readFile(join(path, 'README.md'), 'utf8')).toContain('on ten photos')
})
