import type { Cell } from './cell.js'
import { elman } from './elman.js'
import { lstm } from './lstm.js'

/** Every recurrent cell; the name in a config is the key. */
export const CELLS: Readonly<Record<string, Cell>> = Object.freeze({ rnn: elman, lstm })
