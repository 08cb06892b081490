/** The backends of TensorFlow.js, fastest first. Apart from the code that runs on them, so that to name one loads none. */
export const BACKENDS = Object.freeze(['native', 'wasm', 'cpu'] as const)
export type Backend = (typeof BACKENDS)[number]

/** What a model may run on; `auto` is onnxruntime, or TensorFlow.js where that does not load. */
export const ENGINES = Object.freeze(['auto', 'onnx', ...BACKENDS] as const)
export type Engine = (typeof ENGINES)[number]
