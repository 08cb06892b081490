import type { Array32 } from '../encoder/encoder.js'
import { joined } from '../encoder/few-at-once.js'
import { initialize } from '../engine/initialize.js'
import { TensorFlowOps } from '../engine/tensorflow.js'
import { expected } from '../errors.js'
import type { Decoder } from './decoder.js'

/** Rounds of k-means; few classes change sides after the first. */
const ROUNDS = 8

/**
 * A decoder's weights before training. Given what told classes apart behind the encoder, the projection of the regions
 * begins with the classes in place of noise: each of its outputs sees some of them.
 * @param classifier [classes, channels]
 */
export function initialWeights(
  decoder: Decoder,
  seed: number,
  classifier: Array32 | undefined,
): Record<string, Float32Array> {
  const initial = initialize(decoder.parameters, seed)
  if (classifier === undefined) return initial
  const { channels, regionSize } = decoder.config
  const [classes, width] = classifier.shape as [number, number]
  if (width !== channels)
    throw expected(`a classifier of ${channels} channels`, 'the encoder', width, 'INVALID_DATA')
  const directions = classDirections(classifier, Math.min(classes, regionSize))
  // As long as the columns that they take the place of are on average (Glorot and Bengio 2010).
  const length = Math.sqrt((2 * channels) / (channels + regionSize))
  const region = initial['region.w']!
  for (const [column, direction] of directions.entries())
    for (const [channel, value] of direction.entries()) region[channel * regionSize + column] = length * value
  return initial
}

/**
 * So many directions, unit vectors [channels], that classes lie in, seen from the mean of all classes: the centres of
 * spherical k-means (Dhillon and Modha 2001), which begins with classes that are far from each other (Gonzalez 1985).
 * @param classifier [classes, channels]
 */
export function classDirections({ shape, data }: Array32, count: number): Float32Array[] {
  const [classes, channels] = shape as [number, number]
  const mean = new Float32Array(channels)
  for (const [i, value] of data.entries()) mean[i % channels]! += value / classes
  const points = Array.from({ length: classes }, (_, row) =>
    unit(data.subarray(row * channels, (row + 1) * channels).map((value, i) => value - mean[i]!)),
  )
  let centres = farApart(cosines(points, points), count).map((row) => points[row]!)
  for (let round = 0; round < ROUNDS; round++) {
    const sums = centres.map(() => new Float32Array(channels))
    for (const [row, near] of cosines(points, centres).entries()) {
      const sum = sums[near.indexOf(near.reduce((most, value) => Math.max(most, value)))]!
      const point = points[row]!
      for (let i = 0; i < channels; i++) sum[i]! += point[i]!
    }
    // A centre that no class is near stays where it was.
    centres = sums.map((sum, at) => (sum.some((value) => value !== 0) ? unit(sum) : centres[at]!))
  }
  return centres
}

/** The first row, then each time the one that is farthest from those taken. @param alike [points, points] */
function farApart(alike: readonly Float32Array[], count: number): number[] {
  const closest = new Float32Array(alike.length).fill(Number.NEGATIVE_INFINITY)
  const taken: number[] = []
  let next = 0
  while (taken.length < count) {
    taken.push(next)
    for (const [row, cosine] of alike[next]!.entries()) closest[row] = Math.max(closest[row]!, cosine)
    closest[next] = Number.POSITIVE_INFINITY
    next = closest.indexOf(closest.reduce((least, value) => Math.min(least, value)))
  }
  return taken
}

/** Of each unit vector with each of the others: [points, others]. */
function cosines(points: readonly Float32Array[], others: readonly Float32Array[]): Float32Array[] {
  const ops = new TensorFlowOps()
  const matrix = (rows: readonly Float32Array[]) =>
    ops.input(joined(Float32Array, rows), [rows.length, rows[0]!.length])
  const product = ops.scope(() => ops.matMul(matrix(points), ops.transpose(matrix(others))))
  const values = ops.read(product) as Float32Array
  ops.dispose([product])
  return points.map((_, row) => values.subarray(row * others.length, (row + 1) * others.length))
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return length === 0 ? vector : vector.map((value) => value / length)
}
