import { readFile } from 'node:fs/promises'
import { describe, expect, expectTypeOf, it } from 'vitest'
import type { z } from 'zod'
import { type CaptionRequest, captionFieldsSchema, type captionOptionsSchema } from './options.js'
import { wantedBy } from './validate.js'

type Given = z.input<typeof captionOptionsSchema>
/** The schema's, whose list may be one that cannot be written to. */
type Input = {
  [K in keyof Given]: Given[K] extends string[] | undefined ? readonly string[] | undefined : Given[K]
}

describe('CaptionRequest', () => {
  it('has the names and types of the schema', () => {
    // Where all may be absent, a name that one of the two lacks goes unnoticed.
    expectTypeOf<Required<CaptionRequest>>().toExtend<Required<Input>>()
    expectTypeOf<Required<Input>>().toExtend<Required<CaptionRequest>>()
    expectTypeOf<Input>().toExtend<CaptionRequest>()
    expectTypeOf<CaptionRequest>().toExtend<Input>()
  })

  it('tells of each what it means, its range and its default', async () => {
    const source = await readFile(new URL('options.ts', import.meta.url), 'utf8')
    const told = source.slice(source.indexOf('export interface CaptionRequest'))
    const wanted = Object.entries(wantedBy(captionFieldsSchema).properties!)
    expect(wanted.length).toBeGreaterThan(10)
    for (const [name, { default: standard, ...range }] of wanted) {
      const [, docstring] = told.match(new RegExp(`/\\*\\* (.+) \\*/\n  readonly ${name}\\?:`)) ?? []
      expect(docstring, name).toMatch(/ by default/)
      if (typeof standard !== 'object' && standard !== undefined)
        expect(docstring, name).toContain(`${standard} by default`)
      const { minimum, maximum, exclusiveMinimum, maxItems, items } = range
      if (minimum !== undefined) expect(docstring, name).toContain(`: ${minimum} to ${maximum}`)
      if (exclusiveMinimum !== undefined)
        expect(docstring, name).toContain(`above ${exclusiveMinimum} and up to ${maximum}`)
      if (maxItems !== undefined) expect(docstring, name).toContain(`at most ${maxItems},`)
      if (items !== undefined) expect(docstring, name).toContain(`at most ${items.maxLength} characters`)
    }
  })
})
