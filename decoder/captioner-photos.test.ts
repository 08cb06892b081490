import { openAsBlob } from 'node:fs'
import { copyFile, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ShowtellError } from '../errors.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { writeBundle } from './bundle.js'
import { loadCaptioner } from './captioner.js'
import { CAT, tinyContent } from './fixtures/captioners.js'
import type { CaptionedPhoto, Captioner } from './types.js'

const folder = temporaryFolder('photos')
let captioner: Captioner
beforeAll(async () => {
  const path = join(folder, 'bundle')
  await writeBundle(path, tinyContent())
  captioner = await loadCaptioner(path, { engine: 'onnx', threads: 1 })
})
afterAll(() => captioner.close())

/** Captions of a photo, which may not fail. */
function textsOf(result: CaptionedPhoto | ShowtellError | undefined): string[] {
  if (result === undefined || result instanceof Error) throw result
  return result.captions.map(({ text }) => text)
}

it('takes a photo as whatever a program has it in', async () => {
  const bytes = new Uint8Array(await readFile(CAT))
  const url = pathToFileURL(CAT)
  const given = [CAT, url, url.href, bytes, bytes.buffer, new Blob([bytes]), await openAsBlob(CAT)]
  const [cat, ...others] = (await captioner.caption(given)).map(textsOf)
  for (const other of others) expect(other).toEqual(cat)
})

it('names what it cannot take a photo from', async () => {
  const gone = join(folder, 'gone.jpg')
  await copyFile(CAT, gone)
  const blob = await openAsBlob(gone)
  await rm(gone)
  const web = new URL('https://example.org/cat.jpg')
  const local = pathToFileURL(gone)
  const images = [web, web.href, 'https://[', local, local.href, new ArrayBuffer(3), blob, CAT]
  const results = await captioner.caption(images)
  const named = results.map((result) => result instanceof Error && [result.code, result.where])
  expect(named).toEqual([
    ['INVALID_ARGUMENT', web.href],
    ['INVALID_ARGUMENT', web.href],
    ['INVALID_ARGUMENT', 'https://['],
    ['NOT_FOUND', local.href],
    ['NOT_FOUND', local.href],
    ['UNSUPPORTED_IMAGE', 'image 6'],
    ['INVALID_IMAGE', 'image 7'],
    false,
  ])
  for (const result of results.slice(0, -1)) expect(result).toBeInstanceOf(ShowtellError)
})

it('does not repeat a whole photo that was taken for a path', async () => {
  const [error] = await captioner.caption([`data:image/jpeg;base64,${'/9j/'.repeat(20_000)}`])
  expect(error).toMatchObject({ code: 'INVALID_IMAGE', message: expect.stringMatching(/^.{0,1500}$/) })
})

it.each<[string, unknown, string]>([
  ['the bytes of a photo', new Uint8Array(70_000), 'object'],
  ['a path', 'cat.jpg', '"cat.jpg"'],
])('wants a list, and not %s', async (_what, images, received) => {
  await expect(captioner.caption(images as Uint8Array[])).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: `Expected a list of photos for images but received ${received}`,
  })
})

it('leaves the bytes it was given', async () => {
  const cat = new Uint8Array(await readFile(CAT))
  const before = cat.slice()
  textsOf((await captioner.caption([cat]))[0])
  expect(Buffer.from(cat).equals(Buffer.from(before))).toBe(true)
})
