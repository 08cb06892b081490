import { type Command, Option } from 'commander'
import { LARGEST_SIZE, SMALLEST_SIZE } from '../encoder/encoders.js'
import { expected } from '../errors.js'
import { positive } from './schema-options.js'

/** A graph in place of an encoder with weights. */
export interface GraphOptions {
  mobilenet?: string
  inputRange: [number, number]
}

/** Adds `--mobilenet` and `--input-range`; `others` are the options that they do not go with. */
export function addGraphOptions(command: Command, others: readonly string[]): Command {
  return command
    .addOption(
      new Option(
        '--mobilenet <model.json>',
        'in place of weights: a graph model for @tensorflow-models/mobilenet, path or URL',
      ).conflicts([...others]),
    )
    .addOption(
      new Option('--input-range <black,white>', 'what the graph expects of a pixel')
        .argParser(parseRange)
        .default([0, 1], '0,1')
        .conflicts([...others]),
    )
}

/** `--image-size`; `others` are the options that it does not go with. */
export function imageSizeOption(others: readonly string[]): Option {
  return new Option(
    '--image-size <pixels>',
    `side of the square that photos become, larger for what is small in them: a multiple of 32 from ${SMALLEST_SIZE} to ${LARGEST_SIZE}, with vgg16-conv5 of 16, with vgg16-fc7 its own alone; the encoder's own, or that of its bundle, when absent`,
  )
    .argParser(positive('--image-size'))
    .conflicts([...others])
}

function parseRange(text: string): [number, number] {
  const [black, white, ...more] = text
    .split(',')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (black === undefined || white === undefined || more.length > 0 || !(black < white))
    throw expected('two numbers, rising, like -1,1', '--input-range', text)
  return [black, white]
}
