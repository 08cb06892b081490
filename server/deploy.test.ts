import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readConfig, settings } from './config.js'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const variables = settings().map(({ variable }) => variable)

describe('the manifest for Kubernetes', () => {
  const manifest = read('deploy/kubernetes.yaml')

  it('keeps the Service from setting SHOWTELL_PORT, by its name, to what is no port', () => {
    // In the description of a pod.
    expect(manifest).toMatch(/^ {4}spec:\n(( {6}.*)?\n)* {6}enableServiceLinks: false\n/m)
  })

  const value = (pattern: RegExp): number => Number(pattern.exec(manifest)![1])
  const given = [...manifest.matchAll(/name: (SHOWTELL_\w+), value: "(.+)"/g)].map(([, name, text]) => [
    name,
    text,
  ])
  const config = readConfig({}, Object.fromEntries(given))

  it('leaves time for the last answers', () => {
    const grace = value(/terminationGracePeriodSeconds: (\d+)/) * 1000
    expect(config.drainDelay).toBe(5000)
    expect(grace).toBeGreaterThan(config.drainDelay + config.drainTimeout)
  })

  it('has as many threads as processors', () => {
    expect(config.threads).toBe(value(/limits: \{ cpu: "(\d+)"/))
  })

  it('leaves memory for photos, for bodies with the pieces that they come in, and for a second model', () => {
    const [http, model] = [100e6, 300e6]
    const needed = http + 2 * config.maxHeldBytes + 2 * (model + config.maxDecodeBytes)
    expect(value(/limits: .*memory: (\d+)Gi/) * 2 ** 30).toBeGreaterThan(needed)
  })

  it('calls pods, their port and the Service what the others call them', () => {
    const names = (pattern: RegExp) => [...manifest.matchAll(pattern)].map(([, name]) => name)
    expect(names(/kubernetes\.io\/name: (\S+)/g)).toEqual(new Array(5).fill('showtell'))
    expect(names(/name: (\S+), containerPort/g)).toEqual(['http'])
    expect(names(/(?:, port|targetPort): ([a-z]+)/g)).toEqual(new Array(4).fill('http'))
  })
})

it.each(['deploy/kubernetes.yaml', 'Dockerfile'])('%s sets no variable that is no setting', (file) => {
  const set = [...read(file).matchAll(/SHOWTELL_[A-Z_]+/g)].map(([name]) => name)
  expect(set.length).toBeGreaterThan(0)
  expect(set.filter((name) => !variables.includes(name))).toEqual([])
})
