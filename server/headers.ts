import type { RequestHandler } from 'express'
import helmet from 'helmet'

/**
 * A page needs its own files and nothing else; whether there is TLS only the proxy before the service knows.
 * @param sources where images may come from beside the service itself.
 */
export function secureHeaders(sources: { readonly images?: readonly string[] } = {}): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", ...(sources.images ?? [])],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: false,
  })
}
