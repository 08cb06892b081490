import { describe, expect, it } from 'vitest'
import { ahead } from './ahead.js'

/** Says when it begins and ends. */
function work(log: string[], failing?: number) {
  return async (item: number): Promise<number> => {
    log.push(`begin ${item}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
    log.push(`end ${item}`)
    if (item === failing) throw new Error(`no ${item}`)
    return 10 * item
  }
}

describe('ahead', () => {
  it('gives what is made of each item in order, one being made while another is used', async () => {
    const log: string[] = []
    for await (const result of ahead([1, 2, 3], work(log))) {
      log.push(`use ${result}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(log).toEqual([
      ...['begin 1', 'begin 2', 'end 1', 'use 10', 'end 2'],
      ...['begin 3', 'use 20', 'end 3', 'use 30'],
    ])
  })

  it('gives nothing of nothing', async () => {
    for await (const _ of ahead([], work([]))) expect.unreachable()
  })

  it('hands on a failure when its turn comes', async () => {
    const used: number[] = []
    const taken = (async () => {
      for await (const result of ahead([1, 2, 3], work([], 2))) {
        used.push(result)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()
    await expect(taken).rejects.toThrow('no 2')
    expect(used).toEqual([10])
  })

  it('waits for what is being made when nobody wants more', async () => {
    const log: string[] = []
    for await (const _ of ahead([1, 2, 3], work(log))) break
    expect(log.at(-1)).toBe('end 2')
    expect(log).not.toContain('begin 3')
  })
})
