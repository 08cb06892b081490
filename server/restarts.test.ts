import { Writable } from 'node:stream'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { Restarts } from './restarts.js'

it('logs why the process of a model died and was not replaced, and that it was', () => {
  const log: string[] = []
  const write = (chunk: Buffer, _encoding: string, done: () => void) => {
    log.push(String(chunk))
    done()
  }
  const { onEvent, counts } = new Restarts(pino(new Writable({ write })))
  onEvent({ kind: 'died', error: new Error('SIGKILL') })
  onEvent({ kind: 'not replaced', error: new Error('no bundle there') })
  onEvent({ kind: 'replaced' })
  expect(log.map((line) => JSON.parse(line))).toMatchObject([
    { level: 50, msg: "model's process died", err: { message: 'SIGKILL' } },
    { level: 50, msg: "model's process not replaced", err: { message: 'no bundle there' } },
    { level: 30, msg: "model's process replaced" },
  ])
  expect(counts).toEqual({ replaced: 1, failed: 1 })
})
