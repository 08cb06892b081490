/** Letters and digits of METEOR's normaliser: Latin up to ž, Cyrillic and the phonetic extensions. */
const LETTER = 'A-Za-zÀ-ÖØ-öø-\\u017e\\u0400-\\u0527\\u1d00-\\u1d7f\\ua640-\\ua66e\\ua67e-\\ua697'
const WORD = `${LETTER}0-9`

const BLANK = /[ \t\r\n]+/g
/** What the rules leave as it is: every word of most captions. */
const PLAIN_WORD = /^[a-z0-9]+$/
const HYPHENATED = new RegExp(`([${WORD}.])-([${WORD}])`, 'gu')
const SYMBOL = new RegExp(`[^${WORD} .,'-]`, 'gu')
const ELLIPSIS = /\.{2,}/g
const COMMA_OUTSIDE_NUMBER = /(\D),(\D)/gu
const COMMA_AFTER_NUMBER = /(\d),(\D)/gu
const COMMA_BEFORE_NUMBER = /(\D),(\d)/gu
const APOSTROPHE_ALONE = new RegExp(`([^${LETTER}])'([^${LETTER}])`, 'gu')
const APOSTROPHE_OPENING = new RegExp(`([^${WORD}])'([${LETTER}])`, 'gu')
const APOSTROPHE_CLOSING = new RegExp(`([${LETTER}])'([^${LETTER}])`, 'gu')
const APOSTROPHE_INSIDE = new RegExp(`([${LETTER}])'([${LETTER}])`, 'gu')
const DECADE = /(\d)'s/g
const HAS_LETTER = new RegExp(`[${LETTER}]`, 'u')
const STARTS_LOWER = /^[a-z]/
/** The abbreviations without inner points that keep theirs at the end of a sentence. */
const ABBREVIATIONS = new Set(['v', 'vs', 'rev'])

/**
 * The words of a sentence after METEOR's `-norm`: quotes unified, symbols on their own, hyphenated words and contractions
 * split, the points of abbreviations (`u.s.`) removed, lower case. The behaviour is that of METEOR 1.5 as observed.
 */
export function normalize(sentence: string): string[] {
  let text = ` ${sentence.replace(BLANK, ' ').trim()} `
  text = text.replace(/[`‘’]/gu, "'").replace(/''/g, '"').replace(/[“”]/gu, '"')
  text = text.replace(ELLIPSIS, ' $& ').replace(SYMBOL, ' $& ')
  text = text.replace(COMMA_OUTSIDE_NUMBER, '$1 , $2').replace(COMMA_AFTER_NUMBER, '$1 , $2')
  text = text.replace(COMMA_BEFORE_NUMBER, '$1 , $2')
  text = text.replace(/--/g, '-').replace(HYPHENATED, '$1 $2').replace(/–/gu, '-')
  text = text.replace(APOSTROPHE_ALONE, "$1 ' $2").replace(APOSTROPHE_OPENING, "$1 ' $2")
  text = text.replace(APOSTROPHE_CLOSING, "$1 ' $2").replace(APOSTROPHE_INSIDE, "$1 '$2")
  text = text.replace(DECADE, "$1 's")
  const words = text.split(' ').filter((word) => word !== '')
  return words
    .flatMap((word, index) => withoutPoint(word, words[index + 1]))
    .map((word) => word.toLowerCase().trim())
    .filter((word) => word !== '')
}

/** The same of a sentence's tokens. */
export function normalizeTokens(tokens: readonly string[]): readonly string[] {
  return tokens.every((token) => PLAIN_WORD.test(token)) ? tokens : normalize(tokens.join(' '))
}

/** A final point leaves its word unless the word is an abbreviation (`p.m.`) or the sentence goes on in lower case. */
function withoutPoint(word: string, next: string | undefined): string[] {
  if (!word.endsWith('.') || /^\.+$/.test(word)) return [word]
  const stem = word.slice(0, -1)
  if (stem.includes('.') && HAS_LETTER.test(stem)) return [stem.replaceAll('.', '')]
  if (ABBREVIATIONS.has(stem) || (next !== undefined && STARTS_LOWER.test(next))) return [word]
  if (stem === 'pp' && next !== undefined && /^\d/.test(next)) return [word]
  return [stem, '.']
}
