import { Transform, type TransformCallback } from 'node:stream'
import { type ErrorCode, expected } from '../errors.js'

/** Pieces of fewer bytes are copied together: each is an object, which costs some hundred bytes whatever is in it. */
const SMALL = 4 * 1024
const BLOCK = 64 * 1024

/** Pieces that may come in any case, and bytes that each further one stands for: to take one costs time. */
const FREE_PIECES = 10_000
const BYTES_A_PIECE = 64

/** Hands on what comes in pieces of any size in pieces of some size: a stranger may send his bytes one by one. */
export class Blocks extends Transform {
  #pieces = 0
  #bytes = 0
  #block = Buffer.alloc(0)
  /** What is in the block and not handed on yet. */
  #from = 0
  #to = 0

  /**
   * @param where the name of the whole in errors.
   * @param onPiece hears of the bytes of each piece before it is kept; what it throws ends the stream.
   * @param onMany hears of it when the pieces are too many.
   * @param code of the error then.
   */
  constructor(
    private readonly where: string,
    private readonly onPiece: (bytes: number) => void,
    private readonly onMany = (): void => {},
    private readonly code: ErrorCode = 'INVALID_ARGUMENT',
  ) {
    super()
  }

  override _transform(piece: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#count(piece.length)
      this.onPiece(piece.length)
      if (piece.length < SMALL) this.#copy(piece)
      else this.#handOn(piece)
      done()
    } catch (error) {
      done(error as Error)
    }
  }

  override _flush(done: TransformCallback): void {
    this.#handOn()
    done()
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    if (++this.#pieces <= FREE_PIECES + this.#bytes / BYTES_A_PIECE) return
    this.onMany()
    const received = `${this.#pieces} of ${this.#bytes} bytes together`
    throw expected('larger pieces', this.where, received, this.code)
  }

  #copy(piece: Buffer): void {
    if (this.#to + piece.length > this.#block.length) {
      this.#handOn()
      this.#block = Buffer.allocUnsafe(BLOCK)
      this.#from = this.#to = 0
    }
    this.#to += piece.copy(this.#block, this.#to)
  }

  /** What was copied, then the next piece. */
  #handOn(next?: Buffer): void {
    if (this.#from < this.#to) this.push(this.#block.subarray(this.#from, this.#to))
    this.#from = this.#to
    if (next !== undefined) this.push(next)
  }
}

/** Everything that comes, in one piece. */
export async function joined(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}
