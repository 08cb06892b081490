import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { settings } from './config.js'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const variables = settings().map(({ variable }) => variable)

describe('the manifest for Kubernetes', () => {
  const manifest = read('deploy/kubernetes.yaml')

  it('keeps the Service from setting SHOWTELL_PORT, by its name, to what is no port', () => {
    // In the description of a pod.
    expect(manifest).toMatch(/^ {4}spec:\n(( {6}.*)?\n)* {6}enableServiceLinks: false\n/m)
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
