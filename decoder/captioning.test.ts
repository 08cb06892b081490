import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { toSentence } from '../data/detokenizer.js'
import { breaksOff, isContentWord } from '../data/function-words.js'
import { withoutGender } from '../data/gender.js'
import { ToyModel } from '../search/toy.test.model.js'
import type { Bundle } from './bundle.js'
import { Captioning } from './captioning.js'
import { confidenceOf } from './confidence.js'
import { TINY_CONFIG, VOCABULARY } from './fixtures/captioners.js'
import { type CaptionRequest, captionOptionsSchema } from './options.js'
import type { Runtime } from './runtime.js'

const CONFIDENCE = TINY_CONFIG.confidence
const WORDS = VOCABULARY.toJSON().words
const SAYABLE = new Set([...WORDS, ...WORDS.map(withoutGender)])

/** Photos are one byte each: the seed of what a toy model says of them, one of so many that it can tell apart. */
class ToyRuntime implements Runtime {
  readonly models: (ToyModel & { disposed: number })[] = []

  constructor(private readonly seeds = 256) {}

  async encode(pixels: Uint8Array, images: number) {
    expect(pixels).toHaveLength(images)
    const seeds = Array.from(pixels, (photo) => photo % this.seeds)
    const model = Object.assign(new ToyModel(seeds, VOCABULARY.size, 2), {
      disposed: 0,
      dispose() {
        this.disposed++
      },
    })
    this.models.push(model)
    return model
  }

  async close() {}
}

async function captions(photos: readonly number[], request: CaptionRequest = {}, runtime = new ToyRuntime()) {
  const captioning = new Captioning({ vocabulary: VOCABULARY, config: TINY_CONFIG } as Bundle, runtime)
  const options = captionOptionsSchema.parse(request)
  const batch = await captioning.caption(Uint8Array.from(photos), photos.length, options)
  for (const model of runtime.models) {
    expect(model.disposed).toBe(1)
    expect(model.unreleased).toBe(0)
  }
  return batch.captions
}

const requests: fc.Arbitrary<CaptionRequest> = fc.record(
  {
    count: fc.integer({ min: 1, max: 4 }),
    beamSize: fc.integer({ min: 1, max: 4 }),
    minLength: fc.integer({ min: 0, max: 5 }),
    maxLength: fc.integer({ min: 5, max: 9 }),
    lengthPenalty: fc.constantFrom(0, 0.7, 2),
    noRepeatNgram: fc.integer({ min: 0, max: 3 }),
    noRepeatContentWord: fc.boolean(),
    noDanglingEnd: fc.boolean(),
    bannedWords: fc.uniqueArray(fc.constantFrom('a', 'dog', 'runs', ' Table.', 'unheard'), { maxLength: 3 }),
    temperature: fc.constantFrom(0, 0.5, 1.5),
    seed: fc.integer({ min: 0, max: 3 }),
    style: fc.constantFrom('plain', 'ornate'),
    genderNeutral: fc.boolean(),
  },
  { requiredKeys: [] },
)

describe('Captioning', () => {
  it('keeps every option, and photos do not meddle with each other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(255), { minLength: 1, maxLength: 3 }),
        requests,
        async (photos, request) => {
          const together = await captions(photos, request)
          const alone = await Promise.all(photos.map(async (photo) => (await captions([photo], request))[0]))
          expect(together).toEqual(alone)
          const options = captionOptionsSchema.parse(request)
          const banned = options.bannedWords.map((word) => word.toLowerCase().replace(/[ .]/g, ''))
          for (const found of together) {
            expect(found.length).toBeGreaterThan(0)
            expect(found.length).toBeLessThanOrEqual(options.count)
            expect(new Set(found.map(({ text }) => text)).size).toBe(found.length)
            if (options.temperature > 0)
              expect(found.map(({ score }) => score)).toEqual(
                found.map(({ score }) => score).sort((a, b) => b - a),
              )
            for (const { text, tokens, logProb, wordLogProbs, score, confidence } of found) {
              expect(text).toBe(toSentence(tokens))
              expect(tokens.length).toBeLessThanOrEqual(options.maxLength)
              expect(tokens.length).toBeGreaterThanOrEqual(options.minLength)
              expect(tokens.filter((word) => banned.includes(word))).toEqual([])
              expect(tokens.filter((word) => !SAYABLE.has(word))).toEqual([])
              if (options.genderNeutral)
                expect(tokens.filter((word) => withoutGender(word) !== word)).toEqual([])
              const content = tokens.filter(isContentWord)
              if (options.noDanglingEnd) expect(breaksOff(tokens)).toBe(false)
              if (options.noRepeatContentWord) expect(new Set(content).size).toBe(content.length)
              expect(score).toBeCloseTo(logProb / Math.max(1, tokens.length) ** options.lengthPenalty, 9)
              expect(wordLogProbs).toHaveLength(tokens.length)
              expect(confidence).toBe(confidenceOf(CONFIDENCE, { tokens, wordLogProbs, logProb }))
            }
          }
        },
      ),
      // Of two subjects that differ in the vocabulary, a man and a woman, both can be said as "a person".
      { numRuns: 60, examples: [[[245, 0], { count: 3, maxLength: 5, genderNeutral: true }]] },
    )
  })

  it('speaks the default style when none is asked for', async () => {
    expect(await captions([1])).toEqual(await captions([1], { style: 'plain' }))
    expect(await captions([1])).not.toEqual(await captions([1], { style: 'ornate' }))
  })

  it('hedges below the confidence that was asked for, and only there', async () => {
    const [plain] = await captions([1], { count: 4 })
    const confidences = plain!.map(({ confidence }) => confidence).sort((a, b) => a - b)
    const minConfidence = confidences[2]!
    const [hedged] = await captions([1], { count: 4, minConfidence })
    expect(hedged!.map(({ text }) => /^Possibly\b/.test(text))).toEqual(
      plain!.map(({ confidence }) => confidence < minConfidence),
    )
    expect(hedged!.map(({ tokens }) => tokens)).toEqual(plain!.map(({ tokens }) => tokens))
  })

  it('bans a neutral word in all its disguises', async () => {
    const [found] = await captions([1], { count: 10, genderNeutral: true, bannedWords: ['person', 'Child'] })
    const said = new Set(found!.flatMap(({ tokens }) => tokens))
    expect(['person', 'child', 'man', 'woman', 'boy', 'girl'].filter((word) => said.has(word))).toEqual([])
  })

  it('gives as many captions as were asked for though the beam is narrower', async () => {
    expect((await captions([1], { count: 5, beamSize: 1 }))[0]).toHaveLength(5)
  })

  it('gives the same first caption however many are asked for, and others of other content', async () => {
    const contentOf = ({ tokens }: { readonly tokens: readonly string[] }) =>
      [...new Set(tokens.filter(isContentWord))].sort().join(' ')
    for (const photo of [1, 2, 3, 4]) {
      const [alone] = await captions([photo])
      const [several] = await captions([photo], { count: 3 })
      expect(several![0]).toEqual(alone![0])
      expect(new Set(several!.map(contentOf)).size).toBe(3)
    }
  })

  it('says where the model looked, to four decimals, only when asked', async () => {
    expect((await captions([1]))[0]![0]).not.toHaveProperty('attention')
    const { tokens, attention } = (await captions([1], { attention: true }))[0]![0]!
    const toy = new ToyModel([1], VOCABULARY.size)
    const history = [VOCABULARY.startOf('plain'), ...tokens.map((word) => VOCABULARY.idOf(word)!)]
    const looked = tokens.map((_, i) => toy.alignment(history.slice(0, i + 1)))
    expect(attention).toEqual(looked.map((row) => row.map((share) => Number(share.toFixed(4)))))
  })

  it('draws other captions with another seed, the same with the same', async () => {
    const draw = (seed: number) => captions([1, 2], { temperature: 1, seed })
    expect(await draw(1)).toEqual(await draw(1))
    expect(await draw(1)).not.toEqual(await draw(2))
  })

  it('draws for each photo by itself, also where the model sees no difference', async () => {
    const alike = () => new ToyRuntime(128)
    const request = { temperature: 1, seed: 1 }
    expect((await captions([1], {}, alike()))[0]).toEqual((await captions([129], {}, alike()))[0])
    const [one, other] = await captions([1, 129], request, alike())
    expect(one).not.toEqual(other)
    expect([[one], [other]]).toEqual([
      await captions([1], request, alike()),
      await captions([129], request, alike()),
    ])
  })

  it('refuses what cannot be, before it looks at a photo', async () => {
    await expect(captions([1], { style: 'loud' })).rejects.toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: 'Expected one of plain, ornate for style but received "loud"',
      }),
    )
  })

  it('keeps what options mean while they are asked for, whatever others ask for meanwhile', async () => {
    const made = vi.spyOn(VOCABULARY, 'wordsThat')
    const captioning = new Captioning(
      { vocabulary: VOCABULARY, config: TINY_CONFIG } as Bundle,
      new ToyRuntime(),
    )
    const ask = (request: CaptionRequest) =>
      captioning.caption(Uint8Array.of(1), 1, captionOptionsSchema.parse(request))
    for (let i = 1; i <= 20; i++) {
      await ask({})
      await ask({ bannedWords: ['o'.repeat(i)] })
    }
    expect(made).toHaveBeenCalledTimes(21)
    made.mockRestore()
  })

  it('finds something to say though every word is banned', async () => {
    const [caption] = (await captions([1], { bannedWords: [...WORDS] }))[0]!
    expect(caption).toMatchObject({ text: '', tokens: [], confidence: 0 })
  })
})
