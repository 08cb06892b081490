/** The backends of TensorFlow.js, fastest first. Apart from the code that runs on them, so that to name one loads none. */
export const BACKENDS = Object.freeze(['native', 'wasm', 'cpu'] as const)
export type Backend = (typeof BACKENDS)[number]
