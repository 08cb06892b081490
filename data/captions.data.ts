import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CaptionedImage, readCaptions } from './captions.js'
import { toSentence } from './detokenizer.js'
import { PhotoFolder } from './photo-files.js'
import { isHeldOut } from './splits.js'
import { tokenize } from './tokenizer.js'
import { Vocabulary } from './vocabulary.js'

const datasets = resolve(process.env.SHOWTELL_SHARED ?? '../shared', 'datasets')
const flickr8k = resolve(datasets, 'flickr8k/Flickr8k.token.txt')
const cocoTrain = resolve(datasets, 'coco-train/captions.json')
const cocoSubset = resolve(datasets, 'coco-subset/captions.json')
const withoutPhoto = (set: string, images: readonly CaptionedImage[]) => {
  const photos = new PhotoFolder(resolve(datasets, set, 'photos'))
  return images.map(({ file }) => file).filter((file) => photos.nameOf(file) === undefined)
}
const captionsOf = (images: readonly CaptionedImage[]) => images.flatMap((image) => image.captions)

describe('readCaptions over the data sets', () => {
  it.each([
    ['train', 6000],
    ['dev', 1000],
    ['test', 1000],
  ])('finds Flickr8k %s whole: %i photos of five captions', async (split, count) => {
    const images = await readCaptions(flickr8k, { split })
    expect(withoutPhoto('flickr8k', images)).toEqual([])
    expect(images).toHaveLength(count)
    expect(images.every((image) => image.captions.length === 5)).toBe(true)
  })

  it('finds the 91 photos of Flickr8k in no split, and names the one that is missing', async () => {
    const problems: string[] = []
    const images = await readCaptions(flickr8k, {
      onProblem: (problem) => problems.push(problem.message),
    })
    expect(withoutPhoto('flickr8k', images)).toEqual(['2258277193_586949ec62.jpg'])
    expect(images).toHaveLength(8092)
    expect(images.filter((image) => image.split === undefined)).toHaveLength(92)
    expect(problems).toEqual([
      `Expected the file name of a photo for ${flickr8k}:6731 but received "2258277193_586949ec62.jpg.1"`,
    ])
  })

  it('finds coco-train, coco-subset and coco-text whole', async () => {
    const train = await readCaptions(cocoTrain)
    expect(withoutPhoto('coco-train', train)).toEqual([])
    expect([train.length, captionsOf(train).length]).toEqual([5222, 24_260])
    const subset = await readCaptions(cocoSubset)
    expect(withoutPhoto('coco-subset', subset)).toEqual([])
    expect(subset).toHaveLength(500)
    expect(subset.every((image) => image.captions.length >= 5)).toBe(true)
    const text = await readCaptions(resolve(datasets, 'coco-text/captions.json.gz'))
    expect([text.length, captionsOf(text).length]).toEqual([35_484, 177_549])
  })
})

describe('words of the training captions', () => {
  const ofFlickr8k = () => readCaptions(flickr8k, { split: 'train' })
  const training = async () => [...(await ofFlickr8k()), ...(await readCaptions(cocoTrain))]
  const wordsOf = (images: readonly CaptionedImage[]) => {
    const options = { minimumCount: 4, styles: ['coco', 'flickr8k'] }
    return Vocabulary.build(captionsOf(images).map(tokenize), options).wordCount
  }

  it('are about 4,267 that occur four times or more, fewer without the photos held out', async () => {
    const images = await training()
    expect([images.length, captionsOf(images).length]).toEqual([11_222, 54_260])
    expect(Math.abs(wordsOf(images) - 4267)).toBeLessThanOrEqual(10)
    const coco = await readCaptions(cocoTrain)
    const kept = [...(await ofFlickr8k()), ...coco.filter((image) => !isHeldOut(image))]
    expect(images.length - kept.length).toBe(429)
    expect(Math.abs(wordsOf(kept) - 4180)).toBeLessThanOrEqual(20)
  })

  it('are never none, and the same after they were written as a sentence, but for brackets and a last full stop', async () => {
    const lists = captionsOf(await training()).map(tokenize)
    expect(lists.filter((words) => words.length === 0)).toEqual([])
    const plain = (words: readonly string[]) =>
      words
        .filter((word) => !/^-[lr][rcs]b-$/.test(word))
        .join(' ')
        // After `st` the tokenizer takes the full stop for that of an abbreviation.
        .replace(/\.$/, '')
    expect(lists.filter((words) => plain(tokenize(toSentence(words))) !== plain(words))).toEqual([])
  })
})
