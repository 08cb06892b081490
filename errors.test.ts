import { describe, expect, it } from 'vitest'
import { expected, fromPlain, messageOf, ShowtellError, toPlain } from './errors.js'

describe('expected', () => {
  it('says what, where and what came instead', () => {
    const error = expected('an integer from 1 to 20', 'beamSize', 0)
    expect(error).toBeInstanceOf(ShowtellError)
    expect(error).toBeInstanceOf(Error)
    expect(error.message).toBe('Expected an integer from 1 to 20 for beamSize but received 0')
    expect(error).toMatchObject({ name: 'ShowtellError', code: 'INVALID_ARGUMENT', where: 'beamSize' })
    expect(expected('a store', 'features', 1, 'INVALID_DATA').code).toBe('INVALID_DATA')
  })

  it.each([
    ['text', '"text"'],
    ['a "quoted"\nline', '"a \\"quoted\\"\\nline"'],
    ['', '""'],
    ['x'.repeat(80), `"${'x'.repeat(80)}"`],
    ['x'.repeat(81), `"${'x'.repeat(77)}…"`],
    [`${'x'.repeat(76)}😀yyy`, `"${'x'.repeat(76)}\uFFFD…"`],
    [Number.NaN, 'NaN'],
    [-0.5, '-0.5'],
    [true, 'true'],
    [null, 'null'],
    [undefined, 'undefined'],
    [[1, 'a', [null]], '[1, "a", [null]]'],
    [[], '[]'],
    [new Array(9).fill(0), '9 values'],
    [{ secret: 1 }, 'object'],
    [() => 1, 'function'],
  ])('describes %j', (received, described) => {
    expect(expected('a value', 'field', received).message).toBe(
      `Expected a value for field but received ${described}`,
    )
  })
})

describe('ShowtellError', () => {
  it('keeps its cause, and has none where none is given', () => {
    const cause = new Error('no such file')
    expect(new ShowtellError('NOT_FOUND', 'gone', { where: 'a.jpg', cause })).toMatchObject({
      code: 'NOT_FOUND',
      where: 'a.jpg',
      cause,
    })
    const plain = new ShowtellError('INTERNAL', 'broken')
    expect(plain.where).toBeUndefined()
    expect('cause' in plain).toBe(false)
  })

  it('says in JSON what it says, and of its cause nothing', () => {
    const cause = new Error('of somebody else')
    const error = new ShowtellError('NOT_FOUND', 'gone', { where: 'a.jpg', cause })
    expect(JSON.parse(JSON.stringify([error]))).toEqual([
      { code: 'NOT_FOUND', message: 'gone', where: 'a.jpg' },
    ])
    expect(JSON.stringify(new ShowtellError('INTERNAL', 'broken'))).toBe(
      '{"code":"INTERNAL","message":"broken"}',
    )
  })

  it('repeats of a very long name its beginning, in where and message alike', () => {
    const named = (where: string) =>
      new ShowtellError('INVALID_IMAGE', `Expected $& in ${where} but: open '${where}'`, { where })
    const path = 'x'.repeat(500)
    expect(named(path)).toMatchObject({
      where: path,
      message: `Expected $& in ${path} but: open '${path}'`,
    })
    for (const long of [`${path}x`, 'x'.repeat(90_000)]) {
      const error = named(long)
      expect(error).toMatchObject({
        where: `${path}…`,
        message: `Expected $& in ${path}… but: open '${path}…'`,
      })
      expect(fromPlain(toPlain(error))).toMatchObject({ where: error.where, message: error.message })
    }
    expect(expected('a file', `${path}x`, 1).message).toBe(`Expected a file for ${path}… but received 1`)
  })
})

describe('an error that crosses to another process', () => {
  const crossed = (error: unknown) => fromPlain(structuredClone(toPlain(error)))

  it('stays one of ours', () => {
    const error = expected('a store', 'features', 1, 'INVALID_DATA')
    const found = crossed(error)
    expect(found).toBeInstanceOf(ShowtellError)
    expect(found).toMatchObject({ code: 'INVALID_DATA', message: error.message, where: 'features' })
  })

  it('that nobody expected does not become one of ours, and keeps its stack', () => {
    const error = new TypeError('wrong')
    const found = crossed(error)
    expect(found).not.toBeInstanceOf(ShowtellError)
    expect([found.message, found.stack]).toEqual(['wrong', error.stack])
    expect(crossed('words').message).toBe('words')
  })
})

describe('messageOf', () => {
  it('reads the message of whatever was thrown', () => {
    expect(messageOf(new TypeError('wrong'))).toBe('wrong')
    expect(messageOf('words')).toBe('words')
    expect(messageOf(undefined)).toBe('undefined')
  })
})
