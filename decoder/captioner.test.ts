import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { temporaryFolder } from '../temporary.test.folder.js'
import { writeBundle } from './bundle.js'
import { type CaptionerOptions, loadCaptioner } from './captioner.js'
import { Decoder } from './decoder.js'
import {
  CAT,
  drawnWeights,
  FLOWER,
  TINY_CONFIG,
  TINY_ENCODER,
  tinyConfig,
  tinyContent,
  VOCABULARY,
} from './fixtures/captioners.js'
import { forked } from './fixtures/forked.js'
import type { CaptionRequest } from './options.js'
import type { CaptionedPhoto, Captioner, ImageInput } from './types.js'

vi.mock('node:child_process', async (importOriginal) => {
  const { notingForks } = await import('./fixtures/forked.js')
  return notingForks(importOriginal)
})

const folder = temporaryFolder('captioner')
const path = join(folder, 'bundle')
let captioner: Captioner
beforeAll(async () => {
  await writeBundle(path, tinyContent())
  captioner = await loadCaptioner(path, { engine: 'onnx', threads: 1 })
})
afterAll(() => captioner.close())

/** Captions of photos none of which may fail. */
async function captions(images: readonly ImageInput[], options?: CaptionRequest, by = captioner) {
  const results = await by.caption(images, options)
  return results.map((result) => {
    if (result instanceof Error) throw result
    return (result satisfies CaptionedPhoto).captions
  })
}

describe('a captioner', () => {
  it('describes its model', () => {
    expect(captioner.model).toEqual({
      name: 'tiny',
      version: expect.stringMatching(/^[0-9a-f]{12}$/),
      encoder: TINY_ENCODER.name,
      cell: 'lstm',
      attention: 'additive',
      styles: ['plain', 'ornate'],
      vocabularySize: VOCABULARY.size,
      grid: [4, 4],
      engine: 'onnx',
      calibrated: true,
      terms: 'For tests.',
    })
  })

  it('describes what each of several models has, once', async () => {
    const gru = join(folder, 'gru')
    const decoder = tinyConfig(TINY_ENCODER, { cell: 'gru', attention: 'none' })
    await writeBundle(gru, {
      ...tinyContent(),
      config: { ...TINY_CONFIG, name: 'gru', decoder },
      decoderWeights: drawnWeights(new Decoder(decoder), 1),
    })
    const both = await loadCaptioner([path, gru], { engine: 'onnx', threads: 1 })
    onTestFinished(() => both.close())
    expect(both.model).toMatchObject({
      name: 'tiny + gru',
      encoder: TINY_ENCODER.name,
      cell: 'lstm + gru',
      attention: 'additive + none',
    })
  })

  it('gives a damaged photo an error and the others the captions they have alone', async () => {
    const cat = await readFile(CAT)
    const flower = await readFile(FLOWER)
    const missing = join(folder, 'missing.jpg')
    const results = await captioner.caption([CAT, cat.subarray(0, 9000), flower, missing])
    expect(results[1]).toMatchObject({ code: 'INVALID_IMAGE', where: 'image 2' })
    expect(results[3]).toMatchObject({ code: 'NOT_FOUND', where: missing })
    const [first] = await captions([cat])
    const [second] = await captions([FLOWER])
    expect(results[0]).toMatchObject({ captions: [{ text: first![0]!.text }] })
    expect(results[2]).toMatchObject({ captions: [{ text: second![0]!.text }] })
    const { timing } = results[0] as CaptionedPhoto
    expect(Object.keys(timing)).toEqual(['decode', 'encode', 'search'])
    for (const time of Object.values(timing)) expect(time).toBeGreaterThanOrEqual(0)
  })

  it('gives a hole in the list an error, and the others their own captions', async () => {
    const images: string[] = []
    images[0] = CAT
    images[2] = FLOWER
    const [cat, hole, flower, ...more] = await captioner.caption(images)
    expect(hole).toMatchObject({ code: 'INVALID_ARGUMENT', where: 'image 2' })
    expect(more).toEqual([])
    const alone = await captions([CAT, FLOWER])
    expect([cat, flower]).toMatchObject(alone.map(([{ text } = { text: '' }]) => ({ captions: [{ text }] })))
  })

  it('needs no good photo, and no photo', async () => {
    expect(await captioner.caption([new Uint8Array(10)])).toMatchObject([{ code: 'UNSUPPORTED_IMAGE' }])
    expect(await captioner.caption([])).toEqual([])
  })

  it('answers requests that are under way together each with its own', async () => {
    const asked = [CAT, FLOWER, CAT].map((image, i) => captions([image], { count: i + 1 }))
    const [one, two, three] = await Promise.all(asked)
    expect([one, two, three].map((found) => found![0]!.length)).toEqual([1, 2, 3])
    expect(one![0]![0]!.text).toBe(three![0]![0]!.text)
  })

  it('gives first what it gives alone, and none twice', async () => {
    const [found] = await captions([CAT], { count: 6 })
    expect(found).toHaveLength(6)
    expect(new Set(found!.map(({ text }) => text)).size).toBe(6)
    expect(found![0]).toEqual((await captions([CAT]))[0]![0])
  })

  it('bans words', async () => {
    const [before] = await captions([CAT], { count: 3 })
    const bannedWords = [...new Set(before!.flatMap(({ tokens }) => tokens))]
    const [after] = await captions([CAT], { count: 3, bannedWords })
    expect(after!.flatMap(({ tokens }) => tokens).filter((word) => bannedWords.includes(word))).toEqual([])
  })

  it('says where it looked: a row a word over all regions, summing to 1', async () => {
    const found = await captions([CAT, FLOWER], { attention: true, count: 2 })
    for (const { tokens, attention } of found.flat()) {
      expect(attention).toHaveLength(tokens.length)
      for (const row of attention!) {
        expect(row).toHaveLength(16)
        // Each is rounded to four decimals.
        expect(Math.abs(row.reduce((sum, share) => sum + share, -1))).toBeLessThan(16 * 5.1e-5)
      }
    }
    expect((await captions([CAT]))[0]![0]).not.toHaveProperty('attention')
  })

  it('draws the same captions for a seed, whichever photos are beside', async () => {
    const options = { temperature: 1, seed: 7, count: 3 }
    const [cat, flower] = (await captions([CAT, FLOWER], options)).map((found) =>
      found.map(({ text }) => text),
    )
    for (const [image, drawn] of [
      [CAT, cat],
      [FLOWER, flower],
    ] as const)
      expect((await captions([image], options))[0]!.map(({ text }) => text)).toEqual(drawn)
    const [other] = await captions([CAT], { ...options, seed: 8 })
    expect(other!.map(({ text }) => text)).not.toEqual(cat)
  })

  it.each<[CaptionRequest, string]>([
    [{ beamSize: 0 }, 'Expected an integer from 1 to 20 for beamSize but received 0'],
    [{ count: 11 }, 'Expected an integer from 1 to 10 for count but received 11'],
    [{ style: 'loud' }, 'Expected one of plain, ornate for style but received "loud"'],
    [{ minLength: 9, maxLength: 8 }, 'Expected an integer up to maxLength 8 for minLength but received 9'],
  ])('refuses %j', async (options, message) => {
    await expect(captioner.caption([CAT], options)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message,
    })
    // And goes on working.
    expect(await captions([CAT])).toHaveLength(1)
  })
})

describe('loadCaptioner', () => {
  it('runs in TensorFlow.js too, and says so', async () => {
    const other = await loadCaptioner(path, { engine: 'wasm' })
    expect(other.model.engine).toBe('TensorFlow.js wasm')
    const texts = async (by: Captioner) =>
      (await captions([CAT, FLOWER], { count: 3 }, by)).map((found) => found.map(({ text }) => text))
    expect(await texts(other)).toEqual(await texts(captioner))
    await other.close()
  })

  it('keeps a program alive until it has its captions, and no longer', async () => {
    const code = `
      const { loadCaptioner } = await import('./decoder/captioner.ts')
      const captioner = await loadCaptioner(${JSON.stringify(path)}, { engine: 'onnx', threads: 1 })
      const [photo] = await captioner.caption([${JSON.stringify(CAT)}])
      process.stdout.write(photo.captions[0].text)`
    const args = ['--import', 'tsx', '--input-type=module', '--eval', code]
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    // One that does not end is killed, and that is an error.
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, timeout: 120_000 })
    expect(stdout).toBe((await captions([CAT]))[0]![0]!.text)
  })

  it('has the error of its process', async () => {
    const nothing = join(folder, 'nothing')
    await expect(loadCaptioner(nothing)).rejects.toMatchObject({ code: 'NOT_FOUND', where: nothing })
    await expect(loadCaptioner(path, { engine: 'steam' as 'onnx' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      where: 'engine',
      message: 'Expected one of auto, onnx, native, wasm, cpu for engine but received "steam"',
    })
  })

  it.each<[unknown, string]>([
    [new URL('https://example.org/bundle'), 'object'],
    [{ threads: 1 }, 'object'],
    [null, 'null'],
  ])('wants a path, and not %s', async (given, received) => {
    await expect(loadCaptioner(given as string)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `Expected the folder or name of a bundle for path but received ${received}`,
    })
  })

  it('gives what a block closes that declares it so', async () => {
    let declared: Captioner
    {
      await using other = await loadCaptioner(path, { engine: 'onnx', threads: 1 })
      declared = other
      expect(declared.isOpen).toBe(true)
    }
    expect(declared.isOpen).toBe(false)
    await expect(declared.caption([CAT])).rejects.toMatchObject({ code: 'ABORTED' })
  })

  it('has a least confidence only where it is calibrated', async () => {
    const { config, ...content } = tinyContent()
    const { confidence: _, ...uncalibrated } = config
    const other = join(folder, 'uncalibrated')
    await writeBundle(other, { ...content, config: uncalibrated })
    for (const bundles of [other, [path, path]]) {
      const unsure = await loadCaptioner(bundles, { engine: 'onnx', threads: 1 })
      expect(unsure.model.calibrated).toBe(false)
      expect((await captions([CAT], {}, unsure))[0]![0]!.confidence).toBe(0.5)
      // Before anything is decoded.
      await expect(unsure.caption([new Uint8Array(10)], { minConfidence: 0.1 })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: 'Expected 0, since the captioner is not calibrated, for minConfidence but received 0.1',
      })
      await unsure.close()
    }
    expect(await captions([CAT], { minConfidence: 0.1 })).toHaveLength(1)
  })

  it.each<[CaptionerOptions, string]>([
    [
      { maxPixels: 1e6 } as CaptionerOptions,
      'Expected one of threads, pixelLimit, decodeMemory, engine, onEvent for a name in the options but received "maxPixels"',
    ],
    [{ onEvent: 'log' as never }, 'Expected a function for onEvent but received "log"'],
    [{ threads: 1e9 }, 'Expected an integer from 1 to 64 for threads but received 1000000000'],
    [{ pixelLimit: 0 }, 'Expected an integer from 1 for pixelLimit but received 0'],
    [{ pixelLimit: 1.5 }, 'Expected an integer from 1 for pixelLimit but received 1.5'],
    [{ decodeMemory: Number.NaN }, 'Expected an integer from 16777216 for decodeMemory but received NaN'],
  ])('refuses %o', async (options, message) => {
    const processes = forked.length
    await expect(loadCaptioner(path, options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message })
    expect(forked).toHaveLength(processes)
  })

  it('refuses photos of more pixels than its limit', async () => {
    const other = await loadCaptioner(path, { engine: 'onnx', threads: 1, pixelLimit: 1000 })
    expect(await other.caption([CAT])).toMatchObject([{ code: 'IMAGE_TOO_LARGE', where: CAT }])
    await other.close()
  })
})
