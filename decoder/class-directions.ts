import type { Array32 } from '../encoder/encoder.js'
import { initialize } from '../engine/initialize.js'
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
  let centres = farApart(points, count)
  for (let round = 0; round < ROUNDS; round++) {
    const sums = centres.map(() => new Float32Array(channels))
    for (const point of points) {
      const sum = sums[nearest(point, centres)]!
      for (let i = 0; i < channels; i++) sum[i]! += point[i]!
    }
    // A centre that no class is near stays where it was.
    centres = sums.map((sum, at) => (sum.some((value) => value !== 0) ? unit(sum) : centres[at]!))
  }
  return centres
}

/** The first point, then each time the one that is farthest from those taken. */
function farApart(points: readonly Float32Array[], count: number): Float32Array[] {
  const closest = new Float32Array(points.length).fill(Number.NEGATIVE_INFINITY)
  const taken: Float32Array[] = []
  let next = 0
  while (taken.length < count) {
    const point = points[next]!
    taken.push(point)
    for (const [row, other] of points.entries()) closest[row] = Math.max(closest[row]!, dot(point, other))
    closest[next] = Number.POSITIVE_INFINITY
    next = closest.indexOf(closest.reduce((least, value) => Math.min(least, value)))
  }
  return taken
}

function nearest(point: Float32Array, centres: readonly Float32Array[]): number {
  const cosines = centres.map((centre) => dot(point, centre))
  return cosines.indexOf(cosines.reduce((most, value) => Math.max(most, value)))
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector))
  return length === 0 ? vector : vector.map((value) => value / length)
}
