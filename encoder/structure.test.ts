import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import {
  box,
  chunk,
  emptyJpeg,
  gif,
  gifFrame,
  losslessWebp,
  PNG_SIGNATURE,
  packedText,
  png,
  progressiveJpeg,
  riffChunk,
  segment,
  u16,
  u32,
  webp,
  webpHead,
} from './fixtures/made-images.js'
import { checkStructure, formatOf, otherKind } from './structure.js'

const photo = sharp({
  create: {
    width: 40,
    height: 30,
    channels: 3,
    noise: { type: 'gaussian', mean: 128, sigma: 40 },
    background: '#000',
  },
})
const check = async (file: Uint8Array) => checkStructure(file, formatOf(file)!)
/** An AVIF of nothing but what tells how its items hang together. */
const avif = (...boxes: Buffer[]) =>
  Buffer.concat([box('ftyp', 'avif'), box('meta', u32(0), box('pitm', u32(0), u16(1)), ...boxes)])
/** More than a file may have of anything. */
const MANY = 20_000

describe('formatOf', () => {
  it.each(['jpeg', 'png', 'webp', 'gif', 'avif'] as const)('knows %s by what is in it', async (format) => {
    const file = await photo.clone().toFormat(format).toBuffer()
    expect(formatOf(file)).toBe(format === 'avif' ? 'heif' : format)
    expect(formatOf(file.subarray(1))).toBeUndefined()
  })

  it('knows nothing else', () => {
    for (const text of [
      '',
      'GIF',
      '<svg xmlns="http://www.w3.org/2000/svg"/>',
      '%PDF-1.4',
      'II*\0',
      'MM\0*',
      'BM',
      'PK\x03\x04',
      'RIFF....AVI ',
      '#!/bin/sh',
    ])
      expect([text, formatOf(Buffer.from(text, 'latin1'))]).toEqual([text, undefined])
  })
})

describe('checkStructure', () => {
  it.each([
    ['baseline JPEG', () => photo.clone().jpeg()],
    ['progressive JPEG', () => photo.clone().jpeg({ progressive: true })],
    [
      'JPEG with profile and EXIF',
      () =>
        photo
          .clone()
          .withIccProfile('p3')
          .withExif({ IFD0: { Copyright: 'x' } })
          .jpeg(),
    ],
    ['PNG', () => photo.clone().png()],
    ['interlaced PNG with profile', () => photo.clone().withIccProfile('p3').png({ progressive: true })],
    ['WebP', () => photo.clone().webp()],
    [
      'lossless WebP with EXIF',
      () =>
        photo
          .clone()
          .withExif({ IFD0: { Copyright: 'x' } })
          .webp({ lossless: true }),
    ],
    ['GIF', () => photo.clone().gif()],
    ['AVIF', () => photo.clone().avif({ effort: 0 })],
  ])('lets a whole %s pass', async (_what, make) => {
    await expect(check(await make().toBuffer())).resolves.toEqual(expect.any(Object))
  })

  it('lets animations pass', async () => {
    const frames = sharp(Buffer.from(Array.from({ length: 3 * 30 * 64 }, (_, i) => (i * 7919) % 251)), {
      raw: { width: 8, height: 8 * 30, channels: 3, pageHeight: 8 },
    })
    for (const format of ['gif', 'webp'] as const)
      await expect(check(await frames.clone().toFormat(format).toBuffer())).resolves.toEqual(
        expect.any(Object),
      )
  })

  it('counts the scans of a JPEG, each of which costs a pass over the picture', async () => {
    await expect(check(progressiveJpeg(64, 64, 99))).resolves.toEqual(expect.any(Object))
    await expect(check(progressiveJpeg(64, 64, 100))).rejects.toThrow('more than 100 scans')
    // What follows the end of the picture, such as a second one, is none of its scans.
    const two = Buffer.concat([progressiveJpeg(64, 64, 60), progressiveJpeg(64, 64, 60)])
    await expect(check(two)).resolves.toEqual(expect.any(Object))
  })

  it('unpacks the texts of a PNG no further than the limit', async () => {
    const small = { width: 8, height: 8 }
    for (const type of ['zTXt', 'iTXt', 'iCCP'] as const) {
      await expect(check(png({ ...small, before: [packedText(type, 2 ** 20)] }))).resolves.toEqual(
        expect.any(Object),
      )
      await expect(check(png({ ...small, before: [packedText(type, 2 ** 25)] }))).rejects.toThrow(
        'bytes of metadata',
      )
    }
    const three = Array.from({ length: 3 }, () => packedText('zTXt', 6 * 2 ** 20))
    await expect(check(png({ ...small, before: three }))).rejects.toThrow('bytes of metadata')
    const many = new Array<Buffer>(101).fill(packedText('zTXt', 1))
    await expect(check(png({ ...small, before: many }))).rejects.toThrow('packed texts')
  })

  it('counts a text that is cut off or damaged as far as it goes', async () => {
    const packed = deflateSync(Buffer.alloc(2 ** 25))
    const text = (data: Buffer): Buffer =>
      png({ width: 8, height: 8, before: [chunk('zTXt', Buffer.concat([Buffer.from('k\0\0'), data]))] })
    await expect(check(text(packed.subarray(0, packed.length / 2 + 9000)))).rejects.toThrow(
      'bytes of metadata',
    )
    await expect(check(text(Buffer.from('no deflate')))).resolves.toEqual(expect.any(Object))
  })

  it.each<[string, Buffer]>([
    [
      'segments of a JPEG',
      Buffer.concat([Buffer.of(0xff, 0xd8), ...new Array<Buffer>(MANY).fill(segment(0xfe))]),
    ],
    ['fill bytes of a JPEG', Buffer.concat([Buffer.of(0xff, 0xd8), Buffer.alloc(MANY, 0xff)])],
    ['chunks of a PNG', png({ width: 1, height: 1, before: new Array<Buffer>(MANY).fill(chunk('tEXt')) })],
    ['frames of a GIF', gif(1, 1, new Array<Buffer>(MANY).fill(gifFrame()))],
    [
      'sub-blocks of a GIF',
      gif(1, 1, [Buffer.concat([Buffer.of(0x21, 0xfe), Buffer.alloc(2 * MANY, 1), Buffer.of(0)])]),
    ],
    ['chunks of a WebP', webp(webpHead(1, 1), ...new Array<Buffer>(MANY).fill(riffChunk('abcd')))],
    ['boxes of an AVIF', Buffer.concat([box('ftyp', 'avif'), ...new Array<Buffer>(MANY).fill(box('free'))])],
    [
      'items of an AVIF',
      avif(box('iprp', box('ipco'), box('ipma', u32(0), u32(MANY), Buffer.alloc(3 * MANY)))),
    ],
    ['parts of an AVIF', avif(box('iref', u32(0), box('dimg', u16(1), u16(MANY), Buffer.alloc(2 * MANY))))],
  ])('stops at too many %s', async (_what, file) => {
    await expect(check(file)).rejects.toThrow('too many blocks')
  })

  const large = Buffer.alloc(2 ** 24)
  it.each<[string, Buffer]>([
    [
      'JPEG',
      Buffer.concat([
        Buffer.of(0xff, 0xd8),
        ...new Array<Buffer>(300).fill(segment(0xe1, Buffer.alloc(65000))),
      ]),
    ],
    [
      'PNG',
      png({
        width: 1,
        height: 1,
        before: [
          Buffer.concat([chunk('IDAT'), Buffer.of(1, 0, 0, 1), Buffer.from('eXIf'), large, Buffer.alloc(5)]),
        ],
      }),
    ],
    [
      'GIF',
      gif(1, 1, [Buffer.concat([Buffer.of(0x21, 0xfe), Buffer.alloc(2 ** 24 + 256, 255), Buffer.of(0)])]),
    ],
    ['WebP', webp(webpHead(1, 1), riffChunk('XMP ', large), riffChunk('EXIF', large))],
    ['AVIF', Buffer.concat([box('ftyp', 'avif'), box('meta', large)])],
  ])('stops at too much metadata of a %s', async (_what, file) => {
    await expect(check(file)).rejects.toThrow('bytes of metadata')
  })

  it('wants the end of a PNG and of a GIF, which decoders do without', async () => {
    const whole = png({ width: 8, height: 8 })
    await expect(check(whole.subarray(0, whole.length - 12))).rejects.toThrow('ends before its last chunk')
    await expect(check(gif(1, 1, [gifFrame()], ''))).rejects.toThrow('ends before its last block')
    await expect(check(PNG_SIGNATURE)).rejects.toThrow('ends before its last chunk')
  })

  it('ends at every cut and at every byte', async () => {
    const files = [
      progressiveJpeg(16, 16, 2),
      emptyJpeg(8, 8),
      png({ width: 2, height: 2, before: [packedText('iTXt', 9)] }),
      gif(1, 1, [gifFrame()]),
      losslessWebp(2, 2),
      box('ftyp', box('meta'), 'avif'),
    ]
    for (const file of files)
      for (let at = 12; at <= file.length; at++) {
        await check(file.subarray(0, at)).catch(() => {})
        for (const value of [0, 1, 0x7f, 0xff]) {
          const changed = Buffer.from(file)
          if (at < file.length) changed[at] = value
          await check(changed).catch(() => {})
        }
      }
  })

  it('counts the scans of a JPEG, and its coefficients by the factors of its components', async () => {
    const jpeg = (chromaSubsampling: string) => photo.clone().jpeg({ progressive: true, chromaSubsampling })
    expect(await check(await jpeg('4:4:4').toBuffer())).toEqual({ coefficients: 3, scans: 10 })
    expect(await check(await jpeg('4:2:0').toBuffer())).toEqual({ coefficients: 1.5, scans: 10 })
    expect(await check(await photo.clone().toColourspace('b-w').jpeg().toBuffer())).toEqual({
      coefficients: 1,
      scans: 0,
    })
    // All of them have the same factors, which are 2: nothing is left out, though decoders call it 4:2:0.
    const all = progressiveJpeg(64, 64, 1, 3)
    for (let i = 0, at = all.indexOf(Buffer.of(0xff, 0xc2)) + 11; i < 3; i++, at += 3) all[at] = 0x22
    expect(await check(all)).toEqual({ coefficients: 3, scans: 2 })
    // A factor of 0 must not make it no number, which no limit would hold.
    for (let i = 0, at = all.indexOf(Buffer.of(0xff, 0xc2)) + 11; i < 3; i++, at += 3) all[at] = 0
    expect(await check(all)).toEqual({ coefficients: 3, scans: 2 })
  })
})

describe('otherKind', () => {
  const zipEnd = (comment: string): Buffer =>
    Buffer.concat([
      Buffer.from('PK\x05\x06', 'latin1'),
      Buffer.alloc(16),
      Buffer.of(comment.length, 0),
      Buffer.from(comment),
    ])

  it.each<[string, (jpeg: Buffer) => Buffer, string]>([
    ['a ZIP archive', (jpeg) => Buffer.concat([jpeg, zipEnd('')]), 'a ZIP archive'],
    [
      'a ZIP archive with a comment',
      (jpeg) => Buffer.concat([jpeg, zipEnd('PK\x05\x06 read me')]),
      'a ZIP archive',
    ],
    [
      'a PDF',
      (jpeg) => Buffer.concat([jpeg.subarray(0, 2), segment(0xfe, '%PDF-1.4'), jpeg.subarray(2)]),
      'a PDF document',
    ],
    ['HTML', () => Buffer.from('GIF89a/*<HTML><script>*/'), 'a web page'],
    ['SVG', () => Buffer.from('GIF89a<!-- --><svg onload="x">'), 'a web page'],
    [
      'PHP',
      (jpeg) => Buffer.concat([jpeg.subarray(0, 2), segment(0xfe, '<?php x();'), jpeg.subarray(2)]),
      'a web page',
    ],
  ])('tells %s', async (_what, make, kind) => {
    expect(otherKind(make(await photo.clone().jpeg().toBuffer()))).toBe(kind)
  })

  it('leaves alone what cameras write', async () => {
    const xmp = '<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'
    const jpeg = await photo.clone().withXmp(xmp).jpeg().toBuffer()
    expect(otherKind(jpeg)).toBeUndefined()
    // A motion photo: a film after the picture.
    expect(
      otherKind(Buffer.concat([jpeg, box('ftyp', 'mp42'), box('mdat', 'PK\x05\x06 by chance')])),
    ).toBeUndefined()
  })
})
