import { breaksOff, isAttribute, isDangling } from '../data/function-words.js'
import type { Vocabulary } from '../data/vocabulary.js'

/**
 * The rule of endings as it is told to another program, each [vocabulary size]: 1 for a token that may `never` come last,
 * and for `attributes`, which may not while one of `articles` waits for its noun, as it does until a token comes that
 * is none of `between`.
 */
export function endingsOf(
  vocabulary: Vocabulary,
): Readonly<Record<'never' | 'attributes' | 'articles' | 'between', Uint8Array>> {
  return {
    never: vocabulary.wordsThat(isDangling),
    attributes: vocabulary.wordsThat(isAttribute),
    articles: vocabulary.wordsThat((word) => breaksOff([word, 'red'])),
    between: vocabulary.wordsThat((word) => breaksOff(['a', word, 'red'])),
  }
}
