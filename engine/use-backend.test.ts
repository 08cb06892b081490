import * as tf from '@tensorflow/tfjs-core'
import { expect, it, vi } from 'vitest'
import { useBackend } from './use-backend.js'

/* Apart from tensorflow.test.ts: native TensorFlow.js starts here and can do nothing, as on Node 23. */

vi.mock('@tensorflow/tfjs-node', () => {
  class Broken extends tf.KernelBackend {
    override write = (): object => ({})
    override disposeData = (): boolean => true
  }
  tf.registerBackend('tensorflow', () => new Broken())
  return {}
})

it('auto passes over a native engine that starts but runs no operation', async () => {
  expect(await useBackend('auto')).toBe('wasm')
  await expect(useBackend('native')).rejects.toMatchObject({
    code: 'ENGINE_UNAVAILABLE',
    message: expect.stringMatching(/received native: Kernel 'Cast' not registered/),
  })
})
