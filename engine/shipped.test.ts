import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { shippedBundle, shippedFolder } from './shipped.js'

const ROOT = join(import.meta.dirname, '..')

/** Where a package looks for its bundles that lies in this folder. */
const folderIn = (place: string): string =>
  shippedFolder(pathToFileURL(join(place, 'showtell/dist/engine/shipped.js')).href)

test('the bundles lie beside the rooms of a clone, and beside dist', () => {
  expect(shippedBundle('one')).toBe(join(ROOT, 'models/one'))
  expect(folderIn(ROOT)).toBe(join(ROOT, 'showtell/models'))
})

test('in an Electron app they are outside the archive, where onnxruntime can open them', () => {
  const outside = join(ROOT, 'app.asar.unpacked/node_modules/showtell/models')
  expect(folderIn(join(ROOT, 'app.asar/node_modules'))).toBe(outside)
  expect(folderIn(join(ROOT, 'app.asar.unpacked/node_modules'))).toBe(outside)
  const other = join(ROOT, 'my-app.asar/node_modules')
  expect(folderIn(other)).toBe(join(other, 'showtell/models'))
})
