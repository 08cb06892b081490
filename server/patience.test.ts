import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import express from 'express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { SOON } from './fixtures/service.js'
import { limitDownload } from './patience.js'

/** More than what the buffers of a connection take. */
const LARGE = 8 * 2 ** 20

describe('limitDownload', () => {
  it('ends a connection whose client does not take a file, and lets go of the file', async () => {
    const files: Readable[] = []
    const app = express().use(limitDownload(300))
    app.get('/', (_req, res) => {
      const file = Readable.from(Array.from({ length: LARGE / 65_536 }, () => Buffer.alloc(65_536)))
      files.push(file)
      res.once('close', () => file.destroy())
      file.pipe(res)
    })
    const server = app.listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage]
    response.pause()
    await expect.poll(() => files.at(-1)!.destroyed, SOON).toBe(true)
    await expect(buffer(response)).rejects.toThrow()
  })
})
