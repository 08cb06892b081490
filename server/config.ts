import { readFileSync } from 'node:fs'
import express from 'express'
import { z } from 'zod'
import { captionerLimitsSchema, LARGEST_BATCH } from '../decoder/captioner.js'
import { validate, wantedBy } from '../decoder/validate.js'
import { ENGINES } from '../engine/backends.js'
import { messageOf, ShowtellError } from '../errors.js'
import { SAMPLED, USUAL_EFFORT } from './effort.js'
import { valuesOf } from './values.js'

/** Longest time, ms: timers count in 32 bits with a sign, and one that is set to more fires at once. */
const MOST_TIME = 2 ** 31 - 1

/** Time beyond the deadline in which the answers of the last requests reach their clients, ms. */
const LAST_ANSWERS = 5000

/** A time, ms. */
const time = (least: number) => z.int().min(least).max(MOST_TIME)

/** What a service allows and how it batches. */
export const serviceOptionsSchema = z.strictObject({
  maxImageBytes: z
    .int()
    .min(1)
    .default(20 * 2 ** 20)
    .describe('Largest photo, bytes'),
  maxBodyBytes: z
    .int()
    .min(1)
    .default(64 * 2 ** 20)
    .describe('Largest request, bytes'),
  maxJsonBytes: z
    .int()
    .min(1)
    .default(8 * 2 ** 20)
    .describe('Largest request of JSON, bytes; parsing keeps others waiting, which forms do not'),
  maxHeldBytes: z
    .int()
    .min(1)
    .default(256 * 2 ** 20)
    .describe(
      'Most bytes of requests and answers held at once, over all of them; beyond it requests are refused',
    ),
  uploadTimeout: time(1).default(60_000).describe('Longest time for a client to send its body, ms'),
  downloadTimeout: time(1).default(60_000).describe('Longest time for a client to take its answer, ms'),
  maxImages: z.int().min(1).max(1000).default(16).describe('Most photos of one request'),
  maxSearch: z
    .int()
    // Or the page would have every photo refused.
    .min(USUAL_EFFORT)
    .default(1000)
    .describe(
      `Most count × beamSize × maxLength, with ${SAMPLED} for beamSize where captions are sampled; the page asks for ${USUAL_EFFORT}`,
    ),
  queueSize: z.int().min(1).default(128).describe('Most photos waiting; beyond it requests are refused'),
  batchSize: z.int().min(1).max(LARGEST_BATCH).default(16).describe('Most photos captioned together'),
  batchDelay: z.int().min(0).max(1000).default(4).describe('Longest wait for more photos to join, ms'),
  cacheBytes: z
    .int()
    .min(0)
    .default(64 * 2 ** 20)
    .describe('Most bytes of answers kept for photos that come again; 0 keeps none'),
  allowUrls: z.boolean().default(false).describe('Whether photos may be given by their address'),
  urlTimeout: time(1).default(10_000).describe('Longest time to fetch a photo by its address, ms'),
  apiKeys: z
    .array(z.string())
    .refine((keys) => keys.every((key) => /^[\x21-\x7e]{16,}$/.test(key)), {
      message: 'Expected at least 16 visible ASCII characters for each of apiKeys',
    })
    .default([])
    .describe(
      'Keys, one of which requests under /v1, /v2 and /model have to bring; without any nobody needs one, and reloading by request is refused',
    )
    .meta({ secret: true }),
  rateLimit: z
    .int()
    .min(0)
    .default(0)
    .describe(
      'Most requests a minute of a key or else of an address, which each process counts by itself; 0 for no limit',
    ),
  corsOrigins: z
    .array(z.string())
    .refine((origins) => origins.every((origin) => origin === '*' || isOrigin(origin)), {
      message: 'Expected * or origins such as https://example.org for corsOrigins',
    })
    .default([])
    .describe('Origins whose pages may ask for captions; * for all'),
  trustProxy: z
    .array(z.string())
    .refine(areProxies, {
      message: 'Expected addresses, networks, loopback, linklocal or uniquelocal for trustProxy',
    })
    .default([])
    .describe(
      'Proxies whose X-Forwarded-For is believed: addresses, networks, loopback, linklocal, uniquelocal',
    ),
  deadline: time(1).default(30_000).describe('Longest time from upload to answer, ms'),
})
export type ServiceOptions = z.output<typeof serviceOptionsSchema>

/** Makes what follows from the options of a service once for each: they stay as they are. */
export function perService<Made>(make: (options: ServiceOptions) => Made): (options: ServiceOptions) => Made {
  const made = new WeakMap<ServiceOptions, Made>()
  return (options) => {
    const known = made.get(options) ?? make(options)
    made.set(options, known)
    return known
  }
}

const { threads, pixelLimit, decodeMemory } = captionerLimitsSchema.shape

/** Everything one may set of `showtell serve`; flags and environment variables are made from it. */
export const serveConfigSchema = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('Address to listen at; 0.0.0.0 for every one'),
    port: z.int().min(0).max(65535).default(3000).describe('Port to listen at; 0 takes any that is free'),
    bundle: z
      .string()
      .min(1)
      .optional()
      .describe('Captioner to serve, or the name of one that ships; showtell-base when absent'),
    engine: z.enum(ENGINES).default('auto').describe('What runs the model'),
    threads,
    // Less than the library takes: while a stranger's photo of 250 million pixels is decoded, others wait for seconds.
    maxPixels: pixelLimit.default(100_000_000),
    maxDecodeBytes: decodeMemory
      .default(384 * 2 ** 20)
      .describe(
        `${decodeMemory.description}; an AVIF of a phone, 12 megapixels of 10 bits, takes 340 million`,
      ),
    ...serviceOptionsSchema.shape,
    drainDelay: time(0)
      .default(1000)
      .describe('Time to go on taking requests after SIGTERM while /readyz says no, ms'),
    drainTimeout: time(0)
      .optional()
      .describe('Longest wait for open requests at the end, ms; when absent, 5000 more than deadline'),
    logLevel: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
      .default('info')
      .describe('Least important lines to log'),
  })
  .refine(({ queueSize, maxImages }) => queueSize >= maxImages, {
    path: ['queueSize'],
    message: 'Expected at least maxImages for queueSize: a full request could never be taken',
    when: areWhole('queueSize', 'maxImages'),
  })
  .refine(({ maxHeldBytes, maxBodyBytes }) => maxHeldBytes >= maxBodyBytes, {
    path: ['maxHeldBytes'],
    message: 'Expected at least maxBodyBytes for maxHeldBytes: a full request could never be taken',
    when: areWhole('maxHeldBytes', 'maxBodyBytes'),
  })
  .transform(({ drainTimeout, ...config }) => ({
    ...config,
    drainTimeout: drainTimeout ?? Math.min(config.deadline + LAST_ANSWERS, MOST_TIME),
  }))
export type ServeConfig = z.output<typeof serveConfigSchema>

/** Settings that depend on each other are looked at whatever is wrong with the others. */
function areWhole(...names: string[]): (payload: { value: unknown }) => boolean {
  return ({ value }) => names.every((name) => Number.isInteger((value as Record<string, unknown>)?.[name]))
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}

/** Networks that have a name. */
const NETWORKS: ReadonlySet<string> = new Set(['loopback', 'linklocal', 'uniquelocal'])

function areProxies(list: readonly string[]): boolean {
  // A number alone, elsewhere how many proxies there are, would be an address: 1 is 0.0.0.1.
  if (!list.every((entry) => /[.:]/.test(entry) || NETWORKS.has(entry))) return false
  try {
    express().set('trust proxy', list)
    return true
  } catch {
    return false
  }
}

/** `maxImageBytes` is `SHOWTELL_MAX_IMAGE_BYTES`. */
function variableOf(name: string): string {
  return `SHOWTELL_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** The setting that says where the others are. */
const FILE = { name: 'config', description: 'JSON file of settings; the environment and flags win over it' }

interface Setting {
  readonly name: string
  readonly flag: string
  readonly variable: string
  readonly description: string
  /** Whether the flag alone means true. */
  readonly isSwitch: boolean
  /** Whether it may be given several times. */
  readonly isList: boolean
}

/** Each setting with its flag, its environment variable and what it means. */
export function settings(): Setting[] {
  const setting = (name: string, description: string, type?: string): Setting => ({
    name,
    flag: `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    variable: variableOf(name),
    description,
    isSwitch: type === 'boolean',
    isList: type === 'array',
  })
  const own = Object.entries(wantedBy(serveConfigSchema).properties ?? {}).map(([name, wanted]) => {
    const hasDefault = wanted.default !== undefined && String(wanted.default) !== ''
    const description = [
      wanted.description,
      ...(wanted.enum === undefined ? [] : [`: ${wanted.enum.join(', ')}`]),
      ...(wanted.type === 'array' ? ['; several with commas between them'] : []),
      ...(hasDefault ? [` (default ${wanted.default})`] : []),
    ].join('')
    return setting(name, description, wanted.type)
  })
  return [setting(FILE.name, FILE.description), ...own]
}

/**
 * The settings given as text by flags, else by the environment, else by a JSON file, else the defaults; `PORT` is heard
 * too, as hosting platforms set it.
 * @throws ShowtellError INVALID_ARGUMENT naming everything that is wrong.
 */
export function readConfig(
  flags: Readonly<Record<string, string | boolean>>,
  environment: Readonly<Record<string, string | undefined>>,
): ServeConfig {
  const texts: Record<string, string> = {}
  for (const { name, variable } of settings()) {
    const fallback = name === 'port' ? environment.PORT : undefined
    const text = [flags[name], environment[variable], fallback].find(
      (given) => given !== undefined && given !== '',
    )
    if (text !== undefined) texts[name] = String(text)
  }
  const { [FILE.name]: file, ...given } = texts
  const problems: ShowtellError[] = []
  const collect = <R>(read: () => R): R | undefined => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof ShowtellError)) throw error
      problems.push(error)
      return undefined
    }
  }
  const filed = file === undefined ? {} : collect(() => readFile(file))
  const config = collect(() =>
    validate(serveConfigSchema, { ...filed, ...valuesOf(serveConfigSchema, given) }, 'the settings'),
  )
  const [first] = problems
  if (config !== undefined && first === undefined) return config
  throw new ShowtellError('INVALID_ARGUMENT', problems.map(({ message }) => message).join('; '), {
    where: first?.where ?? 'the settings',
  })
}

/** Variables that look like those of settings and are none: one letter amiss, and a service asks nobody for a key. */
export function unknownVariables(environment: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set(settings().map(({ variable }) => variable))
  return Object.keys(environment).filter((name) => name.startsWith('SHOWTELL_') && !known.has(name))
}

/** Flags and variables that are given but empty, which counts as not given: without a key that is there a service is open. */
export function emptySettings(
  flags: Readonly<Record<string, string | boolean>>,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  return settings().flatMap(({ name, flag, variable }) => [
    ...(flags[name] === '' ? [flag] : []),
    ...(environment[variable] === '' ? [variable] : []),
  ])
}

function readFile(file: string): Record<string, unknown> {
  const broken = (why: string): ShowtellError =>
    new ShowtellError('INVALID_ARGUMENT', `Expected a JSON object in ${file} but ${why}`, { where: file })
  try {
    // The decoder passes over a byte order mark, with which some editors begin a file.
    const read: unknown = JSON.parse(new TextDecoder().decode(readFileSync(file)))
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return { ...read }
  } catch (error) {
    // What the parser quotes may be a piece of a key.
    throw broken(messageOf(error).replace(/, (\.\.\.)?".*/s, ''))
  }
  throw broken('it holds something else')
}
