import { Command } from 'commander'
import { expect, it } from 'vitest'
import { addCaptionOptions } from './caption-options.js'

const given = (...args: string[]) => addCaptionOptions(new Command()).parse(args, { from: 'user' }).opts()

it('reads the numbers of captions, and takes no text for 0', () => {
  expect(given('--beam-size', '3', '--temperature', '.5')).toMatchObject({ beamSize: 3, temperature: 0.5 })
  for (const flag of ['--beam-size', '--length-penalty', '--min-confidence'])
    for (const text of ['', 'many'])
      expect(() => given(flag, text)).toThrow(`Expected a number for ${flag} but received "${text}"`)
})

it('says the range of each number beside its default', () => {
  const help = addCaptionOptions(new Command()).helpInformation().replace(/\s+/g, ' ')
  expect(help).toContain('Hypotheses kept while searching; 1 is greedy; from 1 to 20 (default: 3)')
  expect(help).toContain('above 0 to 1 (default: 1)')
})
