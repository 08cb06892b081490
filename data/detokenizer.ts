/** Written onto the word before them: Penn Treebank's clitics (`man 's`, `do n't`) and signs. */
const ATTACHED = new Set([
  "'s",
  "'m",
  "'re",
  "'ve",
  "'ll",
  "'d",
  "n't",
  "'",
  '%',
  ',',
  ';',
  ':',
  '.',
  '!',
  '?',
])
/** Written onto the word after them. */
const LEADING = new Set(['$', '#'])
/** Brackets and quotes have no place in a caption: a search may open one and never close it. */
const DROPPED = new Set(['-lrb-', '-rrb-', '-lcb-', '-rcb-', '-lsb-', '-rsb-', '``', "''", '`'])
/** Two tokens of the Penn Treebank that are one word: `can not`, `gon na`. */
const JOINED = new Map([
  ['can', 'not'],
  ['gon', 'na'],
  ['wan', 'na'],
  ['got', 'ta'],
  ['gim', 'me'],
  ['lem', 'me'],
])

/** The words of a caption as people read them: `['a', 'man', "'s", 'dog', 'runs']` → `A man's dog runs.` */
export function toSentence(words: readonly string[]): string {
  let text = ''
  let previous = ''
  for (const word of words) {
    if (DROPPED.has(word)) continue
    const joins = text === '' || ATTACHED.has(word) || LEADING.has(previous) || JOINED.get(previous) === word
    text += (joins ? '' : ' ') + written(word)
    previous = word
  }
  if (text === '') return ''
  const sentence = text.replace(/^\p{L}/u, (start) => start.toLocaleUpperCase('en'))
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`
}

/** Tokenizers of the Penn Treebank put a backslash before slash and asterisk. */
function written(word: string): string {
  if (word === 'i') return 'I'
  return word.replace(/\\([/*])/g, '$1')
}
