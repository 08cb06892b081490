import type { RequestHandler } from 'express'
import helmet from 'helmet'

/**
 * A page needs its own files and nothing else; whether there is TLS only the proxy before the service knows.
 * @param images where images may come from beside the service itself, as `blob:`.
 */
export function secureHeaders(images: string): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", images],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: false,
  })
}
