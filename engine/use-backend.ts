import * as tf from '@tensorflow/tfjs-core'
import { expected, messageOf, ShowtellError } from '../errors.js'
import { BACKENDS, type Backend } from './backends.js'

/**
 * Makes a backend current and returns its name. `auto` takes the first of native, wasm and cpu that loads.
 * @throws ShowtellError INVALID_ARGUMENT for a name that is none, ENGINE_UNAVAILABLE for one that does not load.
 */
export async function useBackend(choice: Backend | 'auto'): Promise<Backend> {
  if (choice !== 'auto' && !Object.hasOwn(LOADERS, choice))
    throw expected(`one of auto, ${BACKENDS.join(', ')}`, 'engine', choice)
  const failures: string[] = []
  for (const backend of choice === 'auto' ? BACKENDS : [choice]) {
    try {
      await LOADERS[backend]()
      await tf.ready()
      return backend
    } catch (error) {
      failures.push(`${backend}: ${messageOf(error).split('\n')[0]}`)
    }
  }
  throw new ShowtellError(
    'ENGINE_UNAVAILABLE',
    `Expected the TensorFlow.js backend ${choice} to load but received ${failures.join('; ')}`,
    { where: choice },
  )
}

const LOADERS: Readonly<Record<Backend, () => Promise<void>>> = Object.freeze({
  native: async () => {
    // An optional peer of the published package: people who train install it (npm run setup:native).
    const name = '@tensorflow/tfjs-node'
    await import(name)
    await select('tensorflow')
    // On Node 23 or newer it starts, and fails at its first operation.
    tf.tidy(() => void tf.cast(tf.scalar(1), 'int32'))
  },
  wasm: async () => {
    await import('@tensorflow/tfjs-backend-wasm')
    await select('wasm')
  },
  cpu: async () => {
    await import('@tensorflow/tfjs-backend-cpu')
    await select('cpu')
  },
})

async function select(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) throw new ShowtellError('ENGINE_UNAVAILABLE', `${name} did not start`)
}
