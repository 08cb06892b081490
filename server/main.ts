import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { isatty } from 'node:tty'
import type { Response } from 'express'
import { type Logger, pino } from 'pino'
import { loadCaptioner } from '../decoder/captioner.js'
import type { Captioner } from '../decoder/types.js'
import { blockOtherLoaders, keepNothing } from '../encoder/image.js'
import { messageOf, ShowtellError } from '../errors.js'
import { type AppSettings, createApp } from './app.js'
import type { ServeConfig } from './config.js'
import { Drops } from './drops.js'
import { logTo } from './log-output.js'
import { ReplaceableCaptioner, warmUp } from './reload.js'
import { Restarts } from './restarts.js'

export { emptySettings, readConfig, settings, unknownVariables } from './config.js'

/** Time for a client to send the head of its request, and how often connections are looked at for that, ms. */
const HEADERS_TIMEOUT = 10_000

/** Time that a connection is kept for the next request, ms: longer than the minute after which balancers let go of theirs. */
const KEEP_ALIVE = 75_000

/**
 * Connections at once; one that comes after is closed. Each may hold a file that its client does not read and the heads of
 * requests behind that, some hundred kilobytes which `maxHeldBytes` knows nothing of.
 */
const MOST_CONNECTIONS = 1000

/** Time within which a request that was sent has been read, ms. */
const IDLE = 250
const CHECKING_INTERVAL = 1_000

/** Time in which the last lines of the log are read, ms. */
const LAST_LINES = 1_000

/** A service that answers requests. */
export interface RunningService {
  readonly url: string
  /**
   * Stops being ready, takes what still comes for the drain delay and answers what it has within the drain timeout.
   * Every answer from now on ends its connection, so that nobody sends a request into one that is being closed.
   */
  stop(): Promise<void>
}

/** Listens, captions a first batch, and then is ready. @throws whatever keeps it from that. */
export async function startService(
  captioner: Captioner,
  config: ServeConfig,
  logger: Logger,
  settings: Pick<AppSettings, 'reload' | 'restarts' | 'reloads'>,
): Promise<RunningService> {
  let ready = false
  let stopping = false
  const open = new Set<Response>()
  const sockets = new Set<Socket>()
  const drops = new Drops(logger)
  const app = createApp({
    captioner,
    options: config,
    logger,
    ...settings,
    dropped: () => drops.count,
    isReady: () => ready && captioner.isOpen,
    watch: (_req, res, next) => {
      // By no header: a refusal that goes out while its body still comes has one of its own.
      if (stopping) res.shouldKeepAlive = false
      open.add(res)
      res.once('close', () => open.delete(res))
      next()
    },
  })
  const limits = {
    keepAliveTimeout: KEEP_ALIVE,
    headersTimeout: HEADERS_TIMEOUT,
    // Bodies that are read have their own time, `uploadTimeout`; this ends those that nobody reads.
    requestTimeout: HEADERS_TIMEOUT + config.uploadTimeout + CHECKING_INTERVAL,
    connectionsCheckingInterval: CHECKING_INTERVAL,
  }
  const server = createServer(limits, app)
  server.maxConnections = MOST_CONNECTIONS
  server.on('drop', drops.onDrop)
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    const { remoteAddress } = socket
    // Node itself answers what is no request, 400, 408 or 431, and then ends the connection with the reason.
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (/^(HPE|ERR_HTTP)_/.test(code ?? '')) logger.info({ remoteAddress, code }, 'no request')
    })
  })
  server.listen(config.port, config.host)
  await once(server, 'listening')
  const { address, family, port } = server.address() as AddressInfo
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  const stop = async (): Promise<void> => {
    ready = false
    stopping = true
    for (const res of open) res.shouldKeepAlive = false
    if (config.drainDelay > 0) await wait(config.drainDelay)
    const closed = once(server, 'close')
    // http's own close would also end connections whose request has been sent and not yet been read.
    NetServer.prototype.close.call(server)
    // By then a connection without a request is one that is kept alive; but Node takes one for idle too whose answer is
    // written and still on its way.
    const sweep = setInterval(() => {
      if (open.size > 0) return
      server.closeIdleConnections()
      // One that was opened ahead and never used is not idle to Node.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    }, IDLE)
    const limit = setTimeout(() => {
      if (open.size > 0) logger.warn({ requests: open.size }, 'cut at the drain timeout')
      for (const res of open) res.locals.isCut = true
      server.closeAllConnections()
    }, config.drainTimeout)
    await closed
    clearInterval(sweep)
    clearTimeout(limit)
  }
  try {
    await warmUp(captioner, config.batchSize)
  } catch (error) {
    server.close()
    server.closeAllConnections()
    throw error
  }
  ready = true
  return { url, stop }
}

/**
 * `showtell serve`: runs until SIGTERM or SIGINT and then finishes what it has; a second signal ends it at once. SIGHUP
 * loads the bundle again; with a terminal, which sends it when it is closed, it is as SIGTERM.
 * @param odd what to warn of in the log: variables that look like settings and are none, and settings that are empty.
 * @throws ShowtellError when the captioner cannot be loaded or the address not be had.
 */
export async function serve(
  config: ServeConfig,
  odd: { readonly unknown: readonly string[]; readonly empty: readonly string[] } = {
    unknown: [],
    empty: [],
  },
): Promise<void> {
  blockOtherLoaders()
  keepNothing()
  const hasTerminal = isatty(0) || isatty(1)
  // Heard from the first moment: as the first process of a container it would never get one that it does not listen for.
  const signalled = nextSignal(hasTerminal)
  const logger = pino(
    { level: config.logLevel },
    logTo(process.stdout, (loss) => process.stderr.write(`${loss}\n`)),
  )
  if (odd.unknown.length > 0) logger.warn({ variables: odd.unknown }, 'no setting has these variables')
  if (odd.empty.length > 0) logger.warn({ settings: odd.empty }, 'empty settings count as not given')
  const restarts = new Restarts(logger)
  const load = (): Promise<Captioner> =>
    loadCaptioner(config.bundle, {
      onEvent: restarts.onEvent,
      engine: config.engine,
      threads: config.threads,
      pixelLimit: config.maxPixels,
      decodeMemory: config.maxDecodeBytes,
    })
  // So is SIGHUP; what it asks for while the bundle is loaded is done after that.
  // What fails then is in the log already, and the model before goes on.
  const hangUp = (): void => void first.then(() => reload()).catch(() => {})
  if (!hasTerminal) process.on('SIGHUP', hangUp)
  const first = load()
  const captioner = new ReplaceableCaptioner(await first, load, config.batchSize)
  const reload = async (): ReturnType<ReplaceableCaptioner['reload']> => {
    const before = captioner.model
    try {
      const model = await captioner.reload()
      logger.info({ model: model.name, version: model.version, before: before.version }, 'reloaded')
      return model
    } catch (error) {
      logger.error({ model: before.name, version: before.version, error: messageOf(error) }, 'not reloaded')
      throw error
    }
  }
  try {
    const service = await startService(captioner, config, logger, {
      reload,
      restarts: restarts.counts,
      reloads: captioner.reloads,
    }).catch((error: NodeJS.ErrnoException) => {
      // The latter for a host that has no address.
      if (error.syscall !== 'listen' && error.syscall !== 'getaddrinfo') throw error
      const where = `${config.host}:${config.port}`
      throw new ShowtellError('INVALID_ARGUMENT', `Expected to listen at ${where} but ${error.message}`, {
        where,
      })
    })
    const { name, version, engine } = captioner.model
    const keys = config.apiKeys.length
    logger.info({ url: service.url, model: name, version, engine, keys }, 'ready')
    process.stderr.write(`showtell serves ${name} (${engine}) at ${service.url}\n`)
    const signal = await signalled
    logger.info({ signal }, 'draining')
    await service.stop()
  } finally {
    process.off('SIGHUP', hangUp)
    await captioner.close()
    // Lines that a reader of the log does not take would keep the process.
    if (process.stdout.writableLength > 0) setTimeout(() => process.exit(), LAST_LINES).unref()
  }
  // By the signal itself: at an end of its own Node.js aborts where it cannot set back a terminal, as one that is gone.
  if ((await signalled) === 'SIGHUP') process.removeAllListeners('SIGHUP').kill(process.pid, 'SIGHUP')
}

/** @param hasTerminal whether SIGHUP counts as one that ends. */
function nextSignal(hasTerminal: boolean): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals): void => {
      // What nobody hears ends the process: a second signal does, be it the other one.
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal)
      resolve(signal)
    }
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
    // Heard on: the terminal and its shell may each send one, which asks for no haste.
    if (hasTerminal) process.on('SIGHUP', onSignal)
  })
}
