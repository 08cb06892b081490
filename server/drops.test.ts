import { expect, it, onTestFinished, vi } from 'vitest'
import { Drops } from './drops.js'
import { keptLog } from './fixtures/service.js'

it('counts connections that were closed, and has a line a second of them with the first address', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { log, logger } = keptLog()
  const drops = new Drops(logger)
  const lines = () => log.splice(0).map((line) => JSON.parse(line))
  for (let i = 1; i <= 100; i++) drops.onDrop({ remoteAddress: `192.0.2.${i}` })
  vi.advanceTimersByTime(1_000)
  expect(lines()).toMatchObject([
    { level: 40, connections: 100, remoteAddress: '192.0.2.1', msg: 'too many connections' },
  ])
  vi.advanceTimersByTime(5_000)
  expect(lines()).toEqual([])
  drops.onDrop()
  vi.advanceTimersByTime(1_000)
  expect(lines()).toMatchObject([{ connections: 1 }])
  expect(drops.count).toBe(101)
})
