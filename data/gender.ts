const words = (text: string): ReadonlySet<string> => new Set(text.split(' '))

export const WOMEN = words(
  'woman women girl girls lady ladies female females she her hers herself mother mom grandmother daughter sister wife bride aunt queen actress waitress schoolgirl',
)
export const MEN = words(
  'man men boy boys guy guys gentleman gentlemen male males he him his himself father dad grandfather son brother husband groom uncle king actor waiter schoolboy',
)

/** Rarer words and compounds that name a gender too; evaluation leaves them out. */
const OTHERS = words(
  [
    'mothers moms daughters sisters wives brides bridesmaid bridesmaids grandma aunts queens princess actresses',
    'waitresses cowgirl cowgirls businesswoman businesswomen policewoman policewomen sportswoman nun nuns',
    'fathers dads sons brothers husbands grooms groomsman groomsmen grandpa uncles kings prince actors waiters',
    'cowboy cowboys businessman businessmen policeman policemen fireman firemen fisherman fishermen cameraman',
    'sportsman baseman batsman workman workmen salesman monk monks dude dudes lad lads',
  ].join(' '),
)

/** Words that can be said in place of a gendered one wherever it stands, the article and the verb included. */
const NEUTRAL: ReadonlyMap<string, string> = new Map(
  Object.entries({
    person: 'woman lady man guy gentleman',
    people: 'women ladies men guys gentlemen',
    child: 'girl boy',
    children: 'girls boys',
    their: 'his',
  }).flatMap(([neutral, gendered]) => gendered.split(' ').map((word) => [word, neutral])),
)

/**
 * The word itself where it names no gender, a neutral one that fits in its place, or none where the sentence would break
 * ("she is") or say something else ("a bride and groom").
 */
export function withoutGender(word: string): string | undefined {
  return NEUTRAL.get(word) ?? (WOMEN.has(word) || MEN.has(word) || OTHERS.has(word) ? undefined : word)
}
