import { Command } from 'commander'
import { expect, it } from 'vitest'
import { addCaptionOptions, captionRequest } from './caption-options.js'

const given = (...args: string[]) => addCaptionOptions(new Command()).parse(args, { from: 'user' }).opts()

it('reads the numbers of captions, and takes no text for 0', () => {
  expect(given('--beam-size', '3', '--temperature', '.5')).toMatchObject({ beamSize: 3, temperature: 0.5 })
  for (const flag of ['--beam-size', '--length-penalty', '--min-confidence'])
    for (const text of ['', 'many'])
      expect(() => given(flag, text)).toThrow(`Expected a number for ${flag} but received "${text}"`)
})

it('takes no photo for a word that is banned', () => {
  const banned = (...words: string[]) => captionRequest(given('--ban', ...words)).bannedWords
  expect(banned('dog', 'puppy')).toEqual(['dog', 'puppy'])
  expect(() => banned('dog', 'b.JPG')).toThrow(
    'Expected words (photos come before it, or after --) for --ban but received "b.JPG"',
  )
})

it('says the range of each number beside its default', () => {
  const help = addCaptionOptions(new Command()).helpInformation().replace(/\s+/g, ' ')
  expect(help).toContain('Hypotheses kept while searching; 1 is greedy; from 1 to 20 (default: 3)')
  expect(help).toContain('above 0 to 1 (default: 1)')
})
