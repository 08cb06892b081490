import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { gate, listen, SOON } from './fixtures/service.js'

const post = (body: string): string =>
  `POST /v1/captions HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`
const END = 'Connection: close\r\n'

/** A service that says nothing of a photo, and what was sent behind that, until it is told to. */
async function busy(
  behind: string,
): Promise<Awaited<ReturnType<typeof listen>> & { socket: Socket; open: () => void }> {
  const service = await listen()
  const { shut, open } = gate()
  service.captioner.gate = shut
  const socket = connect(service.port).on('error', () => {})
  // In one piece, so that all of it has come once the first is at work.
  socket.write(post('cat') + behind)
  await expect.poll(() => service.captioner.calls.length, SOON).toBe(1)
  return { ...service, socket, open }
}

describe('requests sent one behind the other', () => {
  it('are answered in their order', async () => {
    const { socket, open } = await busy(get('/livez') + get('/nothing') + get('/v1/model', END))
    const answers = text(socket)
    open()
    expect((await answers).match(/A cat\.|"alive"|NOT_FOUND|"encoder"/g)).toEqual([
      'A cat.',
      '"alive"',
      'NOT_FOUND',
      '"encoder"',
    ])
  })

  it.each([
    ['of a length', post('dog')],
    [
      'in chunks',
      `${post('').replace('Content-Length: 0', 'Transfer-Encoding: chunked')}3\r\ndog\r\n0\r\n\r\n`,
    ],
  ])('are refused where they bring a body, and the connection ends: %s', async (_how, request) => {
    const { socket, open, log, captioner } = await busy(request + get('/livez'))
    const answers = text(socket)
    open()
    const [, first, second, ...more] = (await answers).split('HTTP/1.1 ')
    expect(first).toMatch(/^200 .*"text":"A cat\."/s)
    expect(second).toMatch(/^400 .*\r\nConnection: close\r\n.*for a request sent behind another one/s)
    expect(more).toEqual([])
    expect(captioner.calls).toHaveLength(1)
    await expect.poll(() => log.length, SOON).toBe(2)
    expect(JSON.parse(log[1]!)).toMatchObject({ code: 'INVALID_ARGUMENT', req: { path: '/v1/captions' } })
  })

  it.each([900, 2 * 2 ** 20])('leave nothing behind where their client goes away: %i bytes', async (size) => {
    const { socket, open, held, get, log } = await busy(post('x'.repeat(size)))
    socket.destroy()
    const metrics = async () => (await get('/metrics')).text()
    await expect.poll(metrics, SOON).toContain('route="/v1/captions",status="499"} 1')
    expect(log.map((line) => JSON.parse(line))).toMatchObject([{ code: 'ABORTED' }])
    open()
    await expect.poll(held, SOON).toBe(0)
  })

  it('end the connection where more than four wait', async () => {
    const { socket, open, get: ask } = await busy('')
    socket.write(get('/livez').repeat(5))
    await once(socket, 'close')
    const metrics = async () => (await ask('/metrics')).text()
    await expect.poll(metrics, SOON).toContain('route="/v1/captions",status="499"} 1')
    expect(await metrics()).not.toContain('route="/livez"')
    open()
  })

  it('may be many one after the other', async () => {
    const { port } = await listen()
    const socket = connect(port)
    for (let i = 0; i < 10; i++) {
      socket.write(get('/livez').repeat(5))
      let answers = ''
      while (answers.split('HTTP/1.1 200').length <= 5) answers += String((await once(socket, 'data'))[0])
    }
    socket.destroy()
  })
})
