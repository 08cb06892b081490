import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Request, RequestHandler, Response } from 'express'
import type { Logger } from 'pino'
import { pinoHttp } from 'pino-http'
import { clientAddress } from './client-address.js'
import { REFUSALS } from './status.js'

/** Asked for every few seconds by whoever watches the service. */
const QUIET =
  /^\/(livez|readyz|metrics|v2\/health\/(live|ready)|v2\/models\/[^/]+(\/versions\/[^/]+)?\/ready)$/

/**
 * A structured line a request, without body, headers or query: no photo and no key gets into a log. Takes the request
 * id that came with the request, or makes one.
 */
export function logRequests(logger: Logger): RequestHandler {
  return pinoHttp({
    logger,
    genReqId: (req, res) => {
      const given = req.headers['x-request-id']
      const id = typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID()
      res.setHeader('X-Request-Id', id)
      return id
    },
    autoLogging: { ignore: (req) => QUIET.test(pathOf(req.url)) },
    customLogLevel: (_req, res) =>
      REFUSALS.has(codeOf(res)) ? 'warn' : res.statusCode >= 500 ? 'error' : 'info',
    quietReqLogger: true,
    customSuccessObject: (_req, res, line) => ({ ...line, code: codeOf(res) }),
    customErrorObject: (_req, res, _error, { err, ...line }) => {
      const code = codeOf(res)
      return REFUSALS.has(code) ? { ...line, code } : { ...line, err, code }
    },
    serializers: {
      // Behind a proxy that is trusted, the address that it names.
      req: ({ method, url, raw }) => ({
        method,
        path: pathOf(url),
        remoteAddress: clientAddress(raw as Request),
      }),
      // Pino's own is null where nothing was sent.
      res: ({ raw }) => ({ statusCode: raw.statusCode }),
    },
  })
}

function codeOf(res: ServerResponse): unknown {
  return (res as Response).locals.code
}

function pathOf(url: string | undefined): string {
  return String(url).split('?')[0]!
}
