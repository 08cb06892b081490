import { describe, expect, it } from 'vitest'
import { captionOptionsSchema } from '../decoder/options.js'
import { createApp } from './app.js'
import { serviceOptionsSchema } from './config.js'
import { FakeCaptioner, form, listen } from './fixtures/service.js'
import { specification } from './openapi.js'

interface Schema {
  readonly $ref?: string
  readonly properties?: Record<string, object>
  readonly required?: string[]
}
interface Operation {
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: { readonly content: object }
  readonly responses: object
}
interface Document {
  readonly servers: readonly { readonly url: string }[]
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, Schema> }
}

const { model } = new FakeCaptioner()
const options = serviceOptionsSchema.parse({})
const document = specification(options, '1.2.3')(model) as Document

/** Methods and paths of an express router as the specification writes them. */
function routes(): string[] {
  interface Layer {
    readonly route?: { readonly path: string; readonly methods: Record<string, boolean> }
    readonly handle: { readonly stack?: Layer[] }
  }
  const walk = (layers: readonly Layer[]): string[] =>
    layers.flatMap(({ route, handle }) =>
      route === undefined
        ? walk(handle.stack ?? [])
        : Object.keys(route.methods)
            .filter((method) => method === 'get' || method === 'post')
            .flatMap((method) => spelled(route.path).map((path) => `${method} ${path}`)),
    )
  const app = createApp({ captioner: new FakeCaptioner(), options, reload: async () => model })
  return walk(app.router.stack as unknown as Layer[])
}

/** With and without the part in braces; `:model` is `{model}`. */
function spelled(path: string): string[] {
  return [...new Set([path.replace(/\{.*?\}/, ''), path.replace(/[{}]/g, '')])].map((variant) =>
    variant.replace(/:(\w+)/g, '{$1}'),
  )
}

describe('the specification', () => {
  it('names every route there is and no other', () => {
    const named = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    expect(named.sort()).toEqual(
      routes()
        .filter((route) => route !== 'get /openapi.json')
        .sort(),
    )
  })

  it('has one name an operation, and no reference into nothing', () => {
    const names = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    )
    expect(new Set(names).size).toBe(names.length)
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)
    const missing = [...references].filter(([, name]) => document.components.schemas[name!] === undefined)
    expect(missing).toEqual([])
  })

  it('knows every option, with the styles of the model', () => {
    const { properties } = document.components.schemas.CaptionOptions!
    expect(Object.keys(properties!)).toEqual(Object.keys(captionOptionsSchema.shape))
    expect(properties).toMatchObject({
      style: { enum: ['coco'] },
      beamSize: { minimum: 1, maximum: 20, default: 3 },
    })
  })

  it('says how many photos may be in a request', () => {
    const few = specification(serviceOptionsSchema.parse({ maxImages: 3 }), '1')(model) as Document
    const { PhotosRequest, InferInput } = few.components.schemas
    expect(PhotosRequest!.properties!.images).toMatchObject({ minItems: 1, maxItems: 3 })
    expect(InferInput!.properties!.data).toMatchObject({ minItems: 1, maxItems: 3 })
  })

  it.each(['/v1/models/reload', '/v2/repository/index'])('says that a body for %s may be refused', (path) => {
    const { responses } = document.paths[path]!.post!
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['413', '415', '503']))
  })

  it('names what a bundle that is loaded again may be refused for', () => {
    const responses = document.paths['/v1/models/reload']!.post!.responses as Record<string, object>
    expect(responses).not.toHaveProperty('404')
    expect(responses['500']).toMatchObject({
      description: 'INVALID_BUNDLE, ENGINE_UNAVAILABLE, NUMERIC, INTERNAL',
    })
  })

  it('takes a photo by the types of photos, or as bytes', async () => {
    const { content } = document.paths['/v1/captions']!.post!.requestBody!
    const types = Object.keys(content).filter((type) => !/form-data|json/.test(type))
    expect(types).toEqual(['image/*', 'application/octet-stream'])
    const { post } = await listen()
    for (const type of ['image/jpeg', 'image/x-anything', 'application/octet-stream'])
      expect((await post('cat', '/v1/captions', { 'Content-Type': type })).status).toBe(200)
  })

  it('names the headers that are looked at', () => {
    const headers = (path: string) =>
      Object.values(document.paths[path]!).map(({ parameters = [] }) =>
        parameters.filter((parameter) => parameter.in === 'header').map(({ name }) => name),
      )
    for (const path of Object.keys(document.paths))
      expect([path, headers(path)[0]]).toEqual([path, expect.arrayContaining(['X-Request-Id'])])
    expect(headers('/v1/captions')).toEqual([['If-None-Match', 'X-Request-Id']])
    for (const version of ['', '/versions/{version}'])
      expect(headers(`/v2/models/{model}${version}/infer`)).toEqual([
        ['Inference-Header-Content-Length', 'X-Request-Id'],
      ])
  })

  it('asks for a key where the service does', () => {
    const keyed = serviceOptionsSchema.parse({ apiKeys: ['a-key-of-somebody'] })
    expect(specification(keyed, '1')(model)).toMatchObject({ security: [{ bearer: [] }, { key: [] }] })
    expect(specification(options, '1')(model)).toMatchObject({ security: [] })
  })

  it('is served, with a page that shows it', async () => {
    const { get } = await listen()
    expect(await (await get('/openapi.json')).json()).toMatchObject({ openapi: '3.1.1' })
    const page = await get('/docs')
    expect(page.url).toMatch(/\/docs\/$/)
    // So that it holds under a prefix that a proxy takes away.
    expect((await get('/docs', { redirect: 'manual' })).headers.get('Location')).toBe('docs/')
    expect(await page.text()).toContain('swagger-ui-bundle.js')
  })

  it('names the service by where the specification lies', () => {
    const urls = document.servers.map(
      ({ url }) => new URL(url, 'https://example.org/captioner/openapi.json').href,
    )
    expect(urls).toEqual(['https://example.org/captioner/'])
  })

  it('describes the answers that are given', async () => {
    const { post } = await listen()
    const answer = await (await post(form({ 'a.jpg': 'cat' }))).json()
    const { CaptionsAnswer, Caption } = document.components.schemas
    expect(Object.keys(answer).sort()).toEqual(Object.keys(CaptionsAnswer!.properties!).sort())
    // That of a request during which the model was replaced has none.
    expect(CaptionsAnswer!.required).not.toContain('version')
    const [caption] = answer.results[0].captions
    expect(Object.keys(caption).sort()).toEqual([...Caption!.required!].sort())
  })
})
