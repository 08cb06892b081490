import type { EncoderShape } from './encoder.js'

/** The name of every such encoder. */
export const MOBILENET_GRAPH = 'mobilenet-graph'

/** The side that @tensorflow-models/mobilenet feeds every graph with. */
export const IMAGE_SIZE = 224

/** An encoder that is a graph of its own, of which no `Ops` definition exists: TensorFlow.js alone runs it. */
export interface GraphShape extends EncoderShape {
  readonly name: typeof MOBILENET_GRAPH
  /** What the graph expects of a pixel: black, white. */
  readonly inputRange: readonly [number, number]
}

/** What is the same for all of them, and what differs. */
export function graphShape(differs: Pick<GraphShape, 'grid' | 'channels' | 'inputRange'>): GraphShape {
  const { grid, channels, inputRange } = differs
  return { name: MOBILENET_GRAPH, imageSize: IMAGE_SIZE, grid, channels, range: [0, 6], inputRange }
}
