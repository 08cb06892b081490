import type { Cell } from './cell.js'
import { elman } from './elman.js'
import { gru } from './gru.js'
import { lstm } from './lstm.js'
import { lstmCarousel } from './lstm-carousel.js'
import { lstmPeephole } from './lstm-peephole.js'

/** Every recurrent cell; the name in a config is the key. */
export const CELLS: Readonly<Record<string, Cell>> = Object.freeze({
  rnn: elman,
  lstm,
  'lstm-peephole': lstmPeephole,
  'lstm-carousel': lstmCarousel,
  gru,
})
