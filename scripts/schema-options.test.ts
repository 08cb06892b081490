import { Command } from 'commander'
import { expect, it } from 'vitest'
import { BACKENDS, ENGINES } from '../engine/backends.js'
import { recipeSchema } from '../language/training.js'
import { addSchemaOptions, engineOption, namedPath, natural, number, positive } from './schema-options.js'
import { readTrainingSet } from './training-photos.js'

it('reads a seed as the schemas do, and names the option that has none', () => {
  for (const value of [0, 1, 2 ** 40]) expect(natural('--seed')(String(value))).toBe(value)
  for (const text of ['abc', '1.5', '-1', '', ' ', 'Infinity', '1e300'])
    expect(() => natural('--seed')(text)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: `Expected an integer of 0 or more for --seed but received ${JSON.stringify(text)}`,
      }),
    )
})

it('reads a number of things, of which there is one at least', () => {
  expect(positive('--limit')('3')).toBe(3)
  for (const text of ['0', '', 'many'])
    expect(() => positive('--limit')(text)).toThrow('a positive integer for --limit')
})

it('reads a number, and takes no text for 0', () => {
  for (const [text, value] of [
    ['0', 0],
    ['-1.5', -1.5],
    [' 3e-4 ', 3e-4],
  ] as const)
    expect(number('--rate')(text)).toBe(value)
  for (const text of ['', ' ', 'many', '1,5'])
    expect(() => number('--rate')(text)).toThrow(
      `Expected a number for --rate but received ${JSON.stringify(text)}`,
    )
})

it('takes what a path may have, another = too', () => {
  expect(namedPath('plain=a=b/c.json', 'style=file', '--data')).toEqual(['plain', 'a=b/c.json'])
})

it.each(['captions.json', '=captions.json', 'plain='])('says what %s should have been', async (given) => {
  await expect(readTrainingSet(given)).rejects.toThrow(
    `Expected style=file for --data but received "${given}"`,
  )
})

it('has options for what may be absent too, whose help has no preset', () => {
  const command = addSchemaOptions(new Command(), recipeSchema, { steps: 7 })
  expect(command.opts()).toMatchObject({ steps: 7, weightDecay: 0.01 })
  expect(command.opts()).not.toHaveProperty('warmUpSteps')
  expect(command.helpInformation().replace(/\s+/g, ' ')).toContain(
    '--warm-up-steps <n> steps until the highest learning rate; when absent a tenth of all, 100 at most --weight-decay',
  )
})

it('says what an engine is, and auto of every command', () => {
  expect(engineOption(BACKENDS).description).toBe('what runs the model: auto, native, wasm, cpu')
  expect(engineOption(ENGINES).description).toBe('what runs the model: auto, onnx, native, wasm, cpu')
  expect(new Command().addOption(engineOption(BACKENDS)).opts()).toEqual({ engine: 'auto' })
})

it('refuses an option of a schema that is given without a number', () => {
  const command = addSchemaOptions(new Command(), recipeSchema)
  const given = (...args: string[]) => command.parse(args, { from: 'user' }).opts()
  expect(given('--warm-up-steps', '0', '--dropout', '.5')).toMatchObject({ warmUpSteps: 0, dropout: 0.5 })
  for (const text of ['', ' ', 'x'])
    expect(() => given('--warm-up-steps', text)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: `Expected a number for --warm-up-steps but received ${JSON.stringify(text)}`,
      }),
    )
})
