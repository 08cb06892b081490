import * as tf from '@tensorflow/tfjs-core'

export type Derivative = Omit<tf.GradConfig, 'kernelName'>
type Image = tf.Tensor4D
type Size = readonly [height: number, width: number]

/**
 * The derivatives of the kernels that only encoders run, for backends that have none of their own. Convolutions and
 * poolings are `valid` (`TensorFlowOps` pads before) and are differentiated by operations that every backend has.
 */
export const IMAGE_DERIVATIVES: Readonly<Record<string, Derivative>> = {
  [tf.Relu6]: {
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({
      x: () => tf.mul(dy as tf.Tensor, tf.cast(tf.logicalAnd(tf.greater(x!, 0), tf.less(x!, 6)), 'float32')),
    }),
  },
  [tf.PadV2]: {
    inputsToSave: ['x'],
    gradFunc: (dy, [x], { paddings }) => ({
      x: () =>
        tf.slice(
          dy as tf.Tensor,
          (paddings as [number, number][]).map(([before]) => before),
          x!.shape,
        ),
    }),
  },
  [tf.Conv2D]: {
    inputsToSave: ['x', 'filter'],
    gradFunc: (dy, saved, { strides }) => {
      const [x, filter] = saved as [Image, Image]
      const given = dy as Image
      const [height, width, inputs, outputs] = filter.shape
      return {
        x: () => {
          const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]) as Image
          return tf.conv2d(surrounded(given, x, [height, width], strides), turned, 1, 'valid')
        },
        filter: () => {
          const rows = tf.reshape(given, [-1, outputs])
          const taps = windowOf(x, given, [height, width], strides).map((seen) =>
            tf.matMul(tf.reshape(seen, [-1, inputs]), rows, true),
          )
          return tf.reshape(tf.stack(taps), filter.shape)
        },
      }
    },
  },
  [tf.DepthwiseConv2dNative]: {
    inputsToSave: ['x', 'filter'],
    gradFunc: (dy, saved, { strides }) => {
      const [x, filter] = saved as [Image, Image]
      const given = dy as Image
      const [height, width] = filter.shape
      return {
        x: () => {
          const turned = tf.reverse(filter, [0, 1])
          return tf.depthwiseConv2d(surrounded(given, x, [height, width], strides), turned, 1, 'valid')
        },
        filter: () => {
          const taps = windowOf(x, given, [height, width], strides).map((seen) =>
            tf.sum(tf.mul(seen, given), [0, 1, 2]),
          )
          return tf.reshape(tf.stack(taps), filter.shape)
        },
      }
    },
  },
  [tf.MaxPool]: {
    inputsToSave: ['x'],
    outputsToSave: [true],
    gradFunc: (dy, saved, { filterSize, strides }) => {
      const [x, y] = saved as [Image, Image]
      const size = pairOf(filterSize)
      return {
        x: () => {
          // Of several that are largest the first one gets everything.
          let left = tf.onesLike(y) as tf.Tensor
          const shares = windowOf(x, y, size, strides).map((seen, tap) => {
            const share = tf.mul(left, tf.cast(tf.equal(seen, y), 'float32'))
            left = tf.sub(left, share)
            const at: Size = [Math.floor(tap / size[1]), tap % size[1]]
            return placed(tf.mul(share, dy as Image) as Image, x, at, strides)
          })
          return tf.addN(shares)
        },
      }
    },
  },
}

/** What each place of a window sees, row by row of the window: x at that place of every step, shaped as `y` but for the channels. */
function windowOf(x: Image, y: Image, [height, width]: Size, strides: unknown): Image[] {
  const [down, right] = pairOf(strides)
  const [images, rows, columns] = y.shape
  const channels = x.shape[3]
  return Array.from({ length: height * width }, (_, tap) => {
    const [top, left] = [Math.floor(tap / width), tap % width]
    return tf.stridedSlice(
      x,
      [0, top, left, 0],
      [images, top + (rows - 1) * down + 1, left + (columns - 1) * right + 1, channels],
      [1, down, right, 1],
    ) as Image
  })
}

/** dy in the places that it has in x, and zeros around it, so that a window of stride 1 gives the derivative of x. */
function surrounded(dy: Image, x: Image, [height, width]: Size, strides: unknown): Image {
  const { shape } = x
  const grown = { shape: [shape[0], shape[1] + height - 1, shape[2] + width - 1] } as const
  return placed(dy, grown, [height - 1, width - 1], strides)
}

/** Zeros of the height and width of `target`, and in them the values, `strides` apart, the first one at `at`. */
function placed(
  values: Image,
  target: { readonly shape: readonly [number, number, number, ...number[]] },
  [top, left]: Size,
  strides: unknown,
): Image {
  const [down, right] = pairOf(strides)
  const [images, rows, columns, channels] = values.shape
  const apart = (x: tf.Tensor, step: number): tf.Tensor =>
    step === 1 ? x : tf.concat([x, tf.zeros([x.shape[0]!, step - 1, x.shape[2]!])], 1)
  const wide = apart(tf.reshape(values, [images * rows * columns, 1, channels]), right)
  const high = apart(tf.reshape(wide, [images * rows, 1, columns * right * channels]), down)
  // Zeros follow the last value too; they are none of its business.
  const [height, width] = [(rows - 1) * down + 1, (columns - 1) * right + 1]
  const spread = tf.slice(tf.reshape(high, [images, rows * down, columns * right, channels]), 0, [
    images,
    height,
    width,
    channels,
  ])
  return tf.pad(spread, [
    [0, 0],
    [top, target.shape[1] - top - height],
    [left, target.shape[2] - left - width],
    [0, 0],
  ]) as Image
}

/** Strides and sizes come as one number or two. */
function pairOf(value: unknown): Size {
  return typeof value === 'number' ? [value, value] : (value as Size)
}
