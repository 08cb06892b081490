/**
 * The Penn Treebank tokenizer that caption scores are computed with: the tokens of CoreNLP 3.4.1's `PTBTokenizer
 * -preserveLines -lowerCase` less the punctuation that the COCO evaluation removes. Written from the treebank's
 * published conventions and from what the tokenizer was seen to answer.
 *
 * Like the scanner it follows, it takes the rule that reads furthest at each place, the earlier one on a tie; what a
 * rule reads beyond its one group counts for that and is then read again.
 */
interface Rule {
  /** Whether it reads what begins with a letter or figure, what does not, or both. */
  readonly begins: 'word' | 'sign' | 'either'
  readonly pattern: RegExp
  /** The tokens of what was read; by default itself. */
  readonly tokens: (text: string) => readonly string[]
}

const itself = (text: string): readonly string[] => [text]
const nothing = (): readonly string[] => []

function either(source: string, tokens = itself, flags = '', begins: Rule['begins'] = 'either'): Rule {
  return { begins, pattern: new RegExp(source, `uy${flags}`), tokens }
}
const word = (source: string, tokens = itself, flags = ''): Rule => either(source, tokens, flags, 'word')
const sign = (source: string, tokens = itself, flags = ''): Rule => either(source, tokens, flags, 'sign')

/** The combining marks that the scanner takes for letters. */
const MARKS =
  '\u02c2-\u02c5\u02d2-\u02df\u02e5-\u02eb\u02ed\u02ef-\u036f\u0375\u0378\u0379\u0384\u0385\u03f6\u0483-\u0487' +
  '\u055a-\u055f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0615-\u061a\u064b-\u065e\u0670\u06d6-\u06ed' +
  '\u06fd\u06fe\u070f\u0711\u0730-\u074c\u07a6-\u07b0\u07eb-\u07f3\u0900-\u0903\u093c\u093e-\u094e\u0951-\u0955' +
  '\u0962\u0963\u0981-\u0983\u09bc-\u09d7\u09e2\u09e3\u0a01-\u0a03\u0a3c-\u0a4f\u0a81-\u0a83\u0abc-\u0acf\u0b82' +
  '\u0bbe-\u0bcd\u0c01-\u0c03\u0c3e-\u0c56\u0d3e-\u0d48\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ebc\u0ec8-\u0ecd'
const ENTITY_LETTER = '&[aeiouAEIOU](?:acute|grave|uml);'
const LETTER = `(?:[\\p{L}\u00ad${MARKS}]|${ENTITY_LETTER})`
const ALNUM = `(?:[\\p{L}\\p{Nd}\u00ad${MARKS}]|${ENTITY_LETTER})`
const APOSTROPHE = "(?:['\u0092\u2019]|&apos;)"
const ANY_APOSTROPHE = "(?:['`\u0091\u0092\u2018\u2019\u201b]|&apos;)"
const SPACE = '[ \\t\u00a0\u2000-\u200a\u3000]'
const NUMBER = '(?:\\p{Nd}*(?:[.:,\u00ad\u066b\u066c]\\p{Nd}+)+|\\p{Nd}+)'
const CLITIC = '[msd]|re|ve|ll'
const ELISION = `(?:[dolDOL]${ANY_APOSTROPHE}(?=[\\p{L}\\p{Nd}]{2}))?`
const WORD = `${LETTER}${ALNUM}*(?:[.!?]${LETTER}${ALNUM}*)*`
const THING = `${ELISION}[\\p{L}\\p{Nd}]+(?:[-_\u058a\u2010\u2011]${ELISION}[\\p{L}\\p{Nd}]+)*`
const NAME = '[A-Za-z][A-Za-z0-9_:.-]*'
const MARKUP =
  `<[!?][A-Za-z-][^>\\n]{0,999}>|` +
  `</?${NAME}(?:[ \\u00a0]+${NAME}(?:=(?:"[^"\\n]{0,255}"|'[^'\\n]{0,255}'))?)*[ \\u00a0]*/?>`
const SYMBOL =
  '[$%&*+/<->\\\\^|~¡¥-©¬®-´¶-¹¿×÷;·֊־׀׃׆׳״\u0600-\u060c\u0614\u061b\u061e\u061f\u066a\u066d\u06d4\u0700-\u070d' +
  '\u07f6-\u07f8\u0964\u0965\u0e3f\u0e4f\u1fbd\u2016\u2017\u201a\u201e-\u2023\u2030-\u2038\u203b\u203e-\u2042\u2044' +
  '\u2070\u2074-\u207e\u2080-\u208e\u20a4\u2100-\u214f\u2155-\u215e\u2190-\u2bff\u3001\u3002\u3012\u30fb' +
  '\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0\uffe1\uffe5\uffe6]'

/** Dates, places, firms: abbreviations that may end a sentence and that part from whatever follows their full stop. */
const ENDING_ABBREVIATION =
  'al|ala|apr|ariz|assn|aug|bancorp|bhd|bldg|blvd|bros|calif|cos?|colo|conn|corp|ct|dak|dec|esq|est|etc|ext|feb|fla|fri|ga|' +
  'inc|ind|intl|jan|jr|jul|jun|kans?|ky|ltd|mar|md|mich|minn|mont?|mo|neb|nev|nov|oct|okla|penn|(?:ph|ed)\\.d|plc|rd|rt|' +
  'sept?|seq|sq|sr|sys|tel|tenn|thu|thurs|tues?|univ|va|vt|wed|wisc?|wyo'
/** The same that are words of their own, or other abbreviations, unless written so. */
const CASED_ABBREVIATION =
  'A(?:rk|RK|[Zz])|D(?:el|EL)|I(?:ll|LL)|L[aA]|M(?:ass|ASS|iss|ISS)|O(?:re|RE)|P[aA]|T(?:ex|EX)|W(?:ash|ASH)|' +
  '[pP](?:p?te|p?ty|tes|tys)'
/** Titles and the like, which something follows. */
const LEADING_ABBREVIATION =
  'adj|adm|adv|alex|assoc|asst|attys?|ave|brig|capt|cf|cie|cmdr|col|comdr|cpl|dept|det|drs?|elec|ens|ft|gen|govs?|hon|' +
  'insp|invt|jos|lieut|lt|maj|messrs|mlle|mme|mrs?|ms|msgr|mt|natl|pfc|ph|pres|profs?|pvt|reps?|rev|sens?|sfc|' +
  'sgt|spc|ste?|supt|treas|vs|wm'
/** Words that, with a capital, show that a full stop before them ended a sentence. */
const SENTENCE_STARTER =
  'A|About|According|After|An|As|At|But|Earlier|He|Her|Here|However|If|In|It|Last|Many|More|Now|Once|One|Other|Our|' +
  'She|Since|So|Some|Such|That|The|Their|Then|There|These|They|This|We|What|When|While|Yet|You|M[rsRS]\\.'
/** Something under www, or a known domain after what is in small letters or stranger. */
const HOST =
  '[wW]{3}\\.(?:[^\\s"<>|.!?(){},]{1,255}\\.)+[A-Za-z]{2,4}|' +
  '(?:[^\\s"`\'<>|.!?(){},-_$]{1,255}\\.){1,9}(?:[cC][oO][mM]|[nN][eE][tT]|[oO][rR][gG]|[eE][dD][uU])'
const EXTENSION =
  'bat|bmp|class|cgi|cpp|c|dll|docx?|exe|gif|gz|html?|h|jar|java|jpe?g|mov|mp3|pdf|php|pl|png|ppt|ps|py|sql|tar|txt|' +
  'wav|xml|x|zip'
const BRACKETS: Readonly<Record<string, string>> = {
  '(': '-LRB-',
  ')': '-RRB-',
  '[': '-LSB-',
  ']': '-RSB-',
  '{': '-LCB-',
  '}': '-RCB-',
}
const SIGNS: Readonly<Record<string, string>> = {
  '¢': 'cents',
  '£': '#',
  '\u0080': '$',
  '¤': '$',
  '₠': '$',
  '€': '$',
  '¼': '1/4',
  '½': '1/2',
  '¾': '3/4',
  '⅓': '1/3',
  '⅔': '2/3',
  '&lt;': '<',
  '&gt;': '>',
}
/** Spaces inside a token are no-break spaces, and its round brackets are spelled out. */
const joined = (text: string): readonly string[] => [
  text.replaceAll(' ', '\u00a0').replaceAll('(', '-LRB-').replaceAll(')', '-RRB-'),
]

const written = (text: string): readonly string[] => [SIGNS[text.toLowerCase()] ?? text]
const ampersand = (text: string): readonly string[] => [text.replaceAll('&amp;', '&')]
/** Curly quotes become straight ones, which are removed like all others unless two that do not belong together meet. */
const quotes = (text: string): readonly string[] => {
  const straight = text
    .replace(/[\u0092\u2019\u203a]/g, "'")
    .replace(/[\u0091\u2018\u201b\u2039]/g, '`')
    .replace(/[\u0094»\u201d]/g, "''")
    .replace(/[\u0093«\u201c]/g, '``')
  return /^(?:''?|``?)$/.test(straight) ? [] : [straight]
}
const clitic = (text: string): readonly string[] => [
  text.replace(/[\u0092\u2019]|&apos;/, "'").replace(/[\u0091\u2018\u201b]/, '`'),
]

const RULES: readonly Rule[] = [
  // words that the treebank splits
  word('(can)not', itself, 'i'),
  word('((?:gon|wan)(?=na)|got(?=ta)|(?:lem|gim)(?=me))[ntm][ae]', itself, 'i'),
  sign("('t)(?:is|was)", itself, 'i'),
  either(`(${WORD})${APOSTROPHE}(?:${CLITIC})`, itself, 'i'),
  word(`([a-z]*[a-mo-z])n${ANY_APOSTROPHE}t`, itself, 'i'),
  sign(`(${APOSTROPHE}(?:${CLITIC}))(?:[^a-z]|$)`, clitic, 'i'),
  // mark-up and entities
  sign(MARKUP, (text) => [text.replaceAll(' ', '\u00a0')]),
  sign('&(?:HT|TL|UR|LR|QC|QL|QR|odq|cdq|#[0-9]+);'),
  sign('&amp;', () => ['&'], 'i'),
  sign('&[lg]t;', written, 'i'),
  sign('&(?:MD|mdash|ndash|nbsp);', nothing, 'i'),
  // words
  either(WORD),
  either(THING),
  word('[A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+', ampersand),
  word('[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\\\?/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}'),
  word('[Cc]\\+\\+|[CcFf]#'),
  either(`${APOSTROPHE}(?:n${APOSTROPHE}?|em|[2-9]0s|cause|till?)|c'mon|nat'l|o'o`, itself, 'i'),
  word(`(?:[ldj]|dunkin|somethin|ol)${APOSTROPHE}`, itself, 'i'),
  word(`(y${APOSTROPHE})\\p{L}`, itself, 'i'),
  word(`[A-HJ-XZn]${ANY_APOSTROPHE}\\p{L}{2,}|\\p{L}+[aeiouyAEIOUY]${ANY_APOSTROPHE}[aeiouA-Z]\\p{L}*`),
  word(`(n${ANY_APOSTROPHE}t)(?:[^a-z]|$)`, clitic, 'i'),
  // an opening quote, before what would be a clitic
  sign("(')[A-Za-z][^ \\t\u00a0\\n]", nothing),
  sign(`${APOSTROPHE}(?:${CLITIC})`, clitic, 'i'),
  // abbreviations
  word(`((?:${ENDING_ABBREVIATION})\\.)[^]{0,2}`, itself, 'i'),
  word(`((?:${CASED_ABBREVIATION})\\.)[^]{0,2}`),
  word(`(?:${LEADING_ABBREVIATION})\\.`, itself, 'i'),
  word('[A-Za-z](?:\\.[A-Za-z])*\\.|[mM][ft]g\\.'),
  either(`((?:${WORD}|${THING})\\.)[,;:]`),
  word(`((?:art|ca|figs?|nos?|op|pp|prop)\\.)${SPACE}?\\p{Nd}`, itself, 'i'),
  word(`([A-Za-z])\\.${SPACE}+(?:${SENTENCE_STARTER}|${MARKUP})${SPACE}`),
  // hyphened figures and abbreviations
  word('[A-Za-z0-9][A-Za-z0-9.,\u00ad]{0,255}(?:-(?:[A-Za-z](?:\\.[A-Za-z])+\\.|[A-Za-z0-9\u00ad]+))+'),
  // addresses
  word('https?://[^\\s"<>|(){}]+[^\\s"<>|.!?(){},-]', itself, 'i'),
  either(`(?:${HOST})(?:/[^\\s"<>|()]+[^\\s"<>|.!?(){},-])?`),
  either('(?:<|&lt;)?[A-Za-z0-9][^\\s"<>|(){}]{0,255}@(?:[^\\s"<>|().{}]+\\.)*[^\\s"<>|().{}]+(?:>|&gt;)?'),
  sign('@[A-Za-z_][A-Za-z_0-9]*|#\\p{L}+'),
  either(`((?:${ALNUM}+\\.){1,9}(?:${EXTENSION}))(?:${SPACE}|[.?!,\\n]|$)`, itself, 'i'),
  // numbers
  word('\\p{Nd}{1,2}[-/]\\p{Nd}{1,2}[-/]\\p{Nd}{2,4}'),
  either(`[-+]?${NUMBER}`),
  word('(?:\\p{Nd}{1,4}[- \u00a0])?\\p{Nd}{1,4}(?:\\\\?/|\u2044)\\p{Nd}{1,4}', joined),
  either(
    '(?:\\([0-9]{2,3}\\)[ \u00a0]?|(?:\\+\\+?)?(?:[0-9]{2,4}[- \u00a0])?[0-9]{2,4}[- \u00a0])' +
      '[0-9]{3,4}[- \u00a0]?[0-9]{3,5}|(?:(?:\\+\\+?)?[0-9]{2,4}\\.)?[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5}',
    joined,
  ),
  either('[A-Z]*\\$|#+'),
  sign('[¹²³\u2070\u2074-\u2079]+|[\u2080-\u2089]+'),
  sign('[¢£\u0080¤₠€¼½¾⅓⅔]', written),
  sign(`(${APOSTROPHE}\\p{Nd}{2})(?:${SPACE}|\\n|$)`),
  // faces
  sign("([<>]?[:;=][-o*']?[()DPdpO\\\\{@|[\\]])(?:[^A-Za-z0-9]|$)", joined),
  either("[-^x=~<>']_[-^x=~<>']|\\([-^x=~<>'][_.]?[-^x=~<>']\\)|\\([^x=~<>']-[^x=~<>'`]\\)", joined),
  // brackets, dashes, stops and other signs
  sign('-(?:[LR][RCS]B)-', itself, 'i'),
  sign('[()[\\]{}]', (text) => [BRACKETS[text] ?? text]),
  sign('-+', (text) => (text.length < 5 ? [] : [text])),
  sign('\\.{3,5}|(?:\\.[ \u00a0]){2,4}\\.', nothing),
  sign('[!?]+', (text) => (text.length < 2 ? [] : [text])),
  sign(`''|['"]|&(?:quot|apos);|[.,:;\u0085\u0096\u0097\u2013-\u2015\u2026]`, nothing, 'i'),
  sign('[`\u0091-\u0094«»\u2018\u2019\u201b-\u201d\u2039\u203a]{1,2}', quotes),
  sign('\\*+|(?:\\\\\\*){1,3}|@+|_+|<<|>>'),
  sign(SYMBOL),
]

const WORD_RULES = RULES.filter(({ begins }) => begins !== 'sign')
const SIGN_RULES = RULES.filter(({ begins }) => begins !== 'word')
const BEGINS_WORD = new RegExp(`[\\p{L}\\p{Nd}\u00ad${MARKS}]`, 'uy')
const BLANK = new RegExp(`(?:${SPACE}|\\n)+`, 'uy')

/** A word that nothing above would split or carry on, up to the space after it: most of any caption. */
const PLAIN_WORD = /[A-Za-z]+(?=[ \t\n]|$)/y
const SPLIT_WORD = /^(?:cannot|gonna|gotta|gimme|lemme|wanna)$/i

/**
 * The tokens of one caption, lower case, without the punctuation that the COCO evaluation leaves out. Signs the
 * scanner does not know (emoji among them) only separate. A line break is a space, as in the evaluation. A caption
 * stands alone: the original reads on into the next one and so takes the last full stop of `a sign with a P.` away
 * from the letter if that one begins with `The`.
 */
export function tokenize(caption: string): string[] {
  const found: string[] = []
  let at = 0
  while (at < caption.length) {
    PLAIN_WORD.lastIndex = at
    const plain = PLAIN_WORD.exec(caption)?.[0]
    if (plain !== undefined && !SPLIT_WORD.test(plain)) {
      found.push(plain.toLowerCase())
      at += plain.length + 1
      continue
    }
    BLANK.lastIndex = at
    if (BLANK.test(caption)) {
      at = BLANK.lastIndex
      continue
    }
    BEGINS_WORD.lastIndex = at
    let best: readonly string[] = []
    let furthest = 0
    let length = 1
    for (const { pattern, tokens } of BEGINS_WORD.test(caption) ? WORD_RULES : SIGN_RULES) {
      pattern.lastIndex = at
      const match = pattern.exec(caption)
      if (match === null || match[0].length <= furthest) continue
      const text = match[1] ?? match[0]
      furthest = match[0].length
      length = text.length
      best = tokens(text)
    }
    for (const token of best) {
      const kept = token.replaceAll('\u00ad', '')
      if (kept !== '') found.push(kept.toLowerCase())
    }
    at += length
  }
  return found
}

/**
 * The words that n-grams and vocabularies are made of: the COCO evaluation counts a token with white space inside
 * (`1 1/2`, whose space does not break) as several of them.
 */
export function words(tokens: readonly string[]): readonly string[] {
  return tokens.some((token) => /\s/.test(token))
    ? tokens.flatMap((token) => token.match(/\S+/g) ?? [])
    : tokens
}
