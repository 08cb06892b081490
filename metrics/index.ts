/** Scores of captions, for Node and browsers alike: no file is read and no tensor library loaded. */
export { breaksOff, FUNCTION_WORDS, isContentWord } from '../data/function-words.js'
export { tokenize } from '../data/tokenizer.js'
export { type ErrorCode, ShowtellError } from '../errors.js'
export { scoreBleu } from './bleu.js'
export {
  type BootstrapOptions,
  bootstrapIntervals,
  type Comparison,
  compareScores,
  type Interval,
} from './bootstrap.js'
export { type Calibration, type ConfidenceBin, scoreConfidence } from './calibration.js'
export { CiderScorer, DocumentFrequencies, scoreCider } from './cider.js'
export { type DiversityScores, histogram, repeatedWords, scoreDiversity } from './diversity.js'
export { type Gender, type GenderScores, gendersOf, scoreGender } from './gender.js'
export { type HumanScores, scoreHumans } from './human.js'
export { createMeteor, type Meteor } from './meteor/meteor.js'
export { type Paraphrases, readParaphrases } from './meteor/paraphrases.js'
export { UsedPhrases } from './meteor/phrases.js'
export type { MeteorResources } from './meteor/sentence.js'
export { indexSynonyms, type Synonyms, type SynonymTable } from './meteor/synonyms.js'
export { type ObjectGroups, parseGroups } from './object-groups.js'
export { type ObjectMention, type ObjectScores, objectsOf, scoreObjects } from './objects.js'
export { scoreRouge } from './rouge.js'
export { type ScoreOptions, scoreCaptions, scoreTokens } from './score.js'
export type { Scores } from './scores.js'
export { type SubjectScore, type SubjectScores, scoreSubjects } from './subjects.js'
