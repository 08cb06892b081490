import { Command } from 'commander'
import { ShowtellError } from '../errors.js'
import { register as calibrate } from './calibrate.js'
import { register as caption } from './caption.js'
import { register as evaluate } from './evaluate.js'
import { register as prepare } from './prepare.js'
import { register as serve } from './serve.js'
import { register as tokenize } from './tokenize.js'
import { register as train } from './train.js'

const program = new Command('showtell').description('Captions photos').showHelpAfterError()
for (const register of [caption, serve, evaluate, prepare, train, calibrate, tokenize]) register(program)

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof ShowtellError) {
    process.stderr.write(`${error.code}: ${error.message}\n`)
    process.exitCode = 1
  } else throw error
}
