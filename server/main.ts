import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Logger, pino } from 'pino'
import { loadCaptioner } from '../decoder/captioner.js'
import type { Captioner } from '../decoder/types.js'
import { ShowtellError } from '../errors.js'
import { createApp } from './app.js'
import type { ServeConfig } from './config.js'

export { readConfig, settings } from './config.js'

/** The smallest GIF there is: one white pixel. */
const PIXEL = Buffer.from('R0lGODdhAQABAIAAAP///////ywAAAAAAQABAAACAkQBADs=', 'base64')

/** Time for a client to send its whole request, and for its head alone, ms. */
const REQUEST_TIMEOUT = 60_000
const HEADERS_TIMEOUT = 10_000

/** A service that answers requests. */
export interface Service {
  readonly url: string
  /** Takes no new request and answers those it has, within the drain timeout. */
  stop(): Promise<void>
}

/** Listens, captions a first picture, and then is ready. @throws whatever keeps it from that. */
export async function startService(
  captioner: Captioner,
  config: ServeConfig,
  logger: Logger,
): Promise<Service> {
  let ready = false
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT, headersTimeout: HEADERS_TIMEOUT },
    createApp({ captioner, options: config, logger, isReady: () => ready }),
  )
  server.listen(config.port, config.host)
  await once(server, 'listening')
  const { address, family, port } = server.address() as AddressInfo
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  const stop = async (): Promise<void> => {
    ready = false
    const closed = once(server, 'close')
    server.close()
    // Connections that are kept alive end when their last answer is through.
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    const limit = setTimeout(() => server.closeAllConnections(), config.drainTimeout)
    await closed
    clearInterval(sweep)
    clearTimeout(limit)
  }
  try {
    const [first] = await captioner.caption([PIXEL])
    if (first instanceof Error) throw first
  } catch (error) {
    await stop()
    throw error
  }
  ready = true
  return { url, stop }
}

/**
 * `showtell serve`: runs until SIGTERM or SIGINT and then finishes what it has; a second signal ends it at once.
 * @throws ShowtellError when the captioner cannot be loaded or the address not be had.
 */
export async function serve(config: ServeConfig): Promise<void> {
  const logger = pino({ level: config.logLevel })
  const captioner = await loadCaptioner(config.bundle, {
    engine: config.engine,
    pixelLimit: config.maxPixels,
    ...(config.threads === undefined ? {} : { threads: config.threads }),
  })
  try {
    const service = await startService(captioner, config, logger).catch((error: NodeJS.ErrnoException) => {
      if (error.syscall !== 'listen') throw error
      const where = `${config.host}:${config.port}`
      throw new ShowtellError('INVALID_ARGUMENT', `Expected to listen at ${where} but ${error.message}`, {
        where,
      })
    })
    const { name, engine } = captioner.model
    logger.info({ url: service.url, model: name, engine }, 'ready')
    process.stderr.write(`showtell serves ${name} (${engine}) at ${service.url}\n`)
    const signal = await nextSignal()
    logger.info({ signal }, 'draining')
    await service.stop()
  } finally {
    await captioner.close()
  }
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve)
  })
}
