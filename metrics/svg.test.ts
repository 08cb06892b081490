import { DOMParser } from '@xmldom/xmldom'
import { expect, it } from 'vitest'
import { escaped, picture } from './svg.js'

/** What XML 1.0 lets stand in a document (section 2.2); a number for it is no way out for what it forbids. */
const isAllowed = (code: number): boolean =>
  [0x9, 0xa, 0xd].includes(code) ||
  (code >= 0x20 && code <= 0xd7ff) ||
  (code >= 0xe000 && code <= 0xfffd) ||
  code >= 0x10000

const codes = Array.from({ length: 0x10100 }, (_, code) => code).filter(
  (code) => code < 0xd800 || code > 0xdfff,
)

it('what XML forbids becomes a replacement character, one for one, and all else stays', () => {
  for (const code of codes) {
    const character = String.fromCodePoint(code)
    const written = escaped(character)
    if (!isAllowed(code)) expect(written, code.toString(16)).toBe('\uFFFD')
    else if ('&<>"\''.includes(character)) expect(written).toBe(`&#${code};`)
    else expect(written, code.toString(16)).toBe(character)
  }
})

it('a picture of any text is well formed and says it', () => {
  const document = new DOMParser({
    onError: (level, message) => {
      // It warns of a replacement character, which stands there on purpose.
      if (level !== 'warning') throw new Error(message)
    },
  }).parseFromString(picture(1, 1, 'a\u0000<b>\u001B & "c"', '', ''), 'image/svg+xml')
  expect(document.getElementsByTagName('title')[0]!.textContent).toBe('a\uFFFD<b>\uFFFD & "c"')
})
