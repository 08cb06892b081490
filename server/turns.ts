import type { Socket } from 'node:net'
import type { RequestHandler } from 'express'
import { expected } from '../errors.js'
import { hasBody } from './body.js'

/**
 * Requests of a connection that may wait: each takes memory, and nothing counts it before its turn. No browser sends any
 * behind another.
 */
const MOST_WAITING = 4
const waiting = new WeakMap<Socket, number>()

/**
 * Lets a request that was sent behind another one on its connection (HTTP pipelining) wait until that one is answered. Node
 * closes only the response that has the connection when a client goes away: any other one would hold for ever what it
 * has. Nor would it see that the client goes while a body waits to be read: such a body is dropped. Ends a connection
 * where too many wait.
 */
export const oneByOne: RequestHandler = (req, res, next) => {
  if (res.socket !== null) return next()
  const { socket } = req
  const others = waiting.get(socket) ?? 0
  if (others === MOST_WAITING) return void socket.destroy()
  waiting.set(socket, others + 1)
  res.locals.isDropped = hasBody(req) && req.headers['content-length'] !== '0'
  if (res.locals.isDropped) req.resume()
  res.once('socket', () => {
    waiting.set(socket, waiting.get(socket)! - 1)
    // A moment later the response before is closed, and has let go of what it had.
    process.nextTick(() => res.closed || next())
  })
}

/** Refuses a request whose body was dropped. Clients should wait for the answer to a POST (RFC 9112, section 9.3.2). */
export const refuseDropped: RequestHandler = (_req, res, next) => {
  if (res.locals.isDropped !== true) return next()
  res.set('Connection', 'close')
  next(expected('no body', 'a request sent behind another one', 'one'))
}
