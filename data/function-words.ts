/**
 * The closed classes of English as captions use them: words that carry grammar rather than say what is in the photo.
 * `n't`, `'s` and their like are tokens of their own, as the tokenizer makes them.
 */
export const FUNCTION_WORDS: ReadonlySet<string> = new Set(
  [
    // articles and other determiners
    'a an the this that these those some any no every each either neither both all another other others such',
    'many much more most few fewer several enough half own same what which whose whatever whichever',
    // pronouns
    'i me my mine myself you your yours yourself yourselves he him his himself she her hers herself it its itself',
    'we us our ours ourselves they them their theirs themselves one ones oneself someone somebody something anyone',
    'anybody anything everyone everybody everything nobody nothing none who whom whoever there here',
    // prepositions and particles
    'about above across after against ahead along alongside amid amidst among amongst apart around as aside at atop',
    'away before behind below beneath beside besides between beyond but by despite down during except for from in',
    'inside instead into like near nearby of off on onto opposite out outside over past per since through throughout',
    'till to together toward towards under underneath until unto up upon via with within without',
    // words that make prepositions: in front of, next to, on top of, at the side of, in back of, in the middle of, because of
    'front next top side back middle due',
    // conjunctions and their adverbs
    'and or nor so yet if then than because although though while whereas unless when where why how whether once',
    'also too very just only even still not never ever quite rather almost again',
    // auxiliaries
    'be is are am was were been being do does did doing done have has had having can could will would shall should',
    'may might must ought get gets getting got',
    // what the tokenizer cuts off or splits
    "'s 'm 'd 're 've 'll n't ' 't ca wo sha gon na wan ta",
    // small numbers
    'zero two three four five six seven eight nine ten eleven twelve first second third',
  ].flatMap((line) => line.split(' ')),
)

/** Whether a lower-case token says what is in a photo: it has a letter and belongs to no closed class. */
export function isContentWord(word: string): boolean {
  return !FUNCTION_WORDS.has(word) && /\p{L}/u.test(word) && !/^-[lr][rsc]b-$/.test(word)
}

/**
 * Words of the closed classes that call for another word and that people hardly ever put last: fewer than one in a
 * thousand captions ends so, and fewer than one in fifty of those that use the word. Counted over the 54,260 training
 * captions of COCO and Flickr8k; `function-words.data.ts` counts again. By that "on" (4.6 in a thousand: "a hat on"),
 * "her" (2.7), "by" (1.4) and "another" (1 in 18 of its uses: "one another") may end a caption.
 */
const DANGLING: ReadonlySet<string> = new Set(
  [
    // determiners and possessives
    'a an the this these those some any no every each several many its their his my your our whose',
    // pronouns that a clause follows
    'i he she we they who which that what',
    // prepositions
    'of in at with to from for into onto near next between among amongst amid amidst against beside beneath under',
    'toward towards via during across through after before along without like than as except',
    // conjunctions
    'and or but nor while if because when where whether although though unless until',
    // auxiliaries
    'is are am was were be being been has have had having do does did could will would shall should may might must',
    'get gets getting',
    // degrees
    'very quite rather almost just even',
  ].flatMap((line) => line.split(' ')),
)

/**
 * Colours, sizes, ages and stuffs that are no things themselves, as "orange" is. People end captions with them ("in black
 * and white"), but none of the 54,260 with one whose article still waits for its noun.
 */
const ATTRIBUTES: ReadonlySet<string> = new Set(
  [
    'red white black blue green yellow brown purple pink grey gray tan gold silver dark bright colorful',
    'large small big little tiny huge tall long short young old beautiful',
    'wooden metal striped plaid floral blond blonde',
  ].flatMap((line) => line.split(' ')),
)

/** Whether this token calls for another, whatever came before: "a man sitting in a". */
export function isDangling(word: string): boolean {
  return DANGLING.has(word)
}

/** Whether this token calls for another where an article came before. */
export function isAttribute(word: string): boolean {
  return ATTRIBUTES.has(word)
}

/** Whether a caption that ends with these tokens breaks off: at a dangling word, or as in "a man in a red and white". */
export function breaksOff(words: readonly string[]): boolean {
  const last = words.at(-1) ?? ''
  if (isDangling(last)) return true
  if (!isAttribute(last)) return false
  const before = words.findLast((word) => word !== 'and' && !isAttribute(word))
  return before === 'a' || before === 'an'
}
