import { expect, it } from 'vitest'
import { Random } from '../random.js'
import { CharacterModel, characterConfigSchema } from './character-model.js'
import type { CharacterRuntime } from './character-runtime.js'
import { write } from './reading.js'

const CHANCES = [0.1, 0.4, 0.2, 0.3]
const model = new CharacterModel(
  characterConfigSchema.parse({ model: 'rnn', layers: 1, units: 2, vocabularySize: CHANCES.length }),
)

/** A model that holds the same characters likely whatever it reads, and tells what it reads. */
const runtimeOf = (reads: (character: number) => void): Pick<CharacterRuntime, 'step'> => ({
  async step(tokens, state) {
    reads(tokens[0]!)
    return { logProbs: Float32Array.from(CHANCES, Math.log), state }
  },
})

const given = { prime: Int32Array.of(2, 3), length: 40, temperature: 1, topP: 1 }

it('a text is what the chances and the seed make it, and each character is heard before the next is drawn', async () => {
  const events: string[] = []
  const heard: number[] = []
  const text = await write(
    runtimeOf((character) => events.push(`read ${character}`)),
    model,
    { ...given, random: new Random('text') },
    (character) => {
      heard.push(character)
      events.push(`heard ${character}`)
    },
  )
  // Where the likelier characters come first, a number from 0 to 1 falls.
  const random = new Random('text')
  const order = [...CHANCES.keys()].sort((a, b) => CHANCES[b]! - CHANCES[a]!)
  const truth = Array.from({ length: 40 }, () => {
    let left = random.uniform()
    return order.find((character) => {
      left -= CHANCES[character]!
      return left < 0
    })
  })
  expect([...text]).toEqual(truth)
  expect(heard).toEqual(truth)
  expect(events).toEqual([
    'read 2',
    'read 3',
    ...truth.flatMap((character) => [`heard ${character}`, `read ${character}`]),
  ])
})

it('what is refused is refused before a character is heard', async () => {
  const refuses = (wrong: object, message: string) =>
    expect(
      write(
        runtimeOf(() => {}),
        model,
        { ...given, random: new Random(1), ...wrong },
        () => expect.unreachable(),
      ),
    ).rejects.toThrow(message)
  await refuses({ prime: new Int32Array(0) }, 'Expected at least one character for prime')
  await refuses({ temperature: 0 }, 'Expected a number above 0 for temperature but received 0')
  await refuses({ topP: 2 }, 'for topP but received 2')
})
