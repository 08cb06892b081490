import { Command } from 'commander'
import { expect, it } from 'vitest'
import { register } from './card.js'

async function card(...sets: string[]): Promise<void> {
  const program = new Command('showtell').exitOverride()
  register(program)
  const scores = sets.map((set) => `${set}=nowhere.json`)
  await program.parseAsync(['card', '--bundle', 'nowhere', '--scores', ...scores], { from: 'user' })
}

it.each([
  ['flickr8k-test', 'Flickr8k test'],
  ['one', 'one'],
])('refuses sets called %s and %s: one would show the diagram of the other', async (one, other) => {
  await expect(card('another', one, other)).rejects.toThrow(
    `Expected a name that differs from ${one} in letters or numbers for --scores but received "${other}"`,
  )
})

it('takes names that differ in letters of any script', async () => {
  await expect(card('日本', '中国')).rejects.toThrow('nowhere.json')
})
