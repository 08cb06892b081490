/**
 * Makes @tensorflow/tfjs-node, the fast engine for training, usable on Linux x64.
 *
 * Its own install script comes first. Where that cannot fetch its files, the TensorFlow libraries are taken from the
 * PyPI package tensorflow-cpu and the binding is compiled against them. Everything is prepared in a folder beside the
 * package and moved in at the end, so a run that breaks off leaves the package as it was.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, realpath, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const PACKAGE = path.join(ROOT, 'node_modules/@tensorflow/tfjs-node')
const WORK = path.join(ROOT, 'node_modules/.cache/showtell-native')

/** The wheel is named in full, so that every Python fetches the same file, and its sum is known. */
const WHEEL = {
  requirement: 'tensorflow-cpu==2.21.0',
  tags: ['--python-version=3.11', '--implementation=cp', '--abi=cp311', '--platform=manylinux_2_27_x86_64'],
  sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
}
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2']
/** The package's own script downloads 100 MB at most; a host that does not answer must not hold us up for long. */
const OWN_SCRIPT_LIMIT = 90_000
const CHECK_LIMIT = 60_000
const PIP_LIMIT = 900_000
const COMPILE_LIMIT = 300_000

/** Unpacks the two libraries and the headers of a wheel: argv is the wheel, then the target folder. */
const UNPACK = `
import sys, zipfile
wheel, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    wanted = [n for n in archive.namelist()
              if n.startswith('tensorflow/include/') or n in ${JSON.stringify(LIBRARIES.map((name) => `tensorflow/${name}`))}]
    archive.extractall(target, wanted)
`

/** Sums small enough to know by heart, on the binding itself: a product, and both gradients of a convolution. */
const CHECK = `
const tf = require('@tensorflow/tfjs-node')
const expect = (what, tensor, wanted) => {
  const received = Array.from(tensor.dataSync())
  if (received.length !== wanted.length || received.some((value, i) => Math.abs(value - wanted[i]) > 1e-4)) {
    throw new Error('Expected ' + wanted + ' for ' + what + ' but received ' + received)
  }
}
process.on('unhandledRejection', (error) => { console.error(error.message); process.exit(1) })
tf.ready().then(() => {
  if (tf.getBackend() !== 'tensorflow') throw new Error('Expected the backend tensorflow but received ' + tf.getBackend())
  expect('a matrix product', tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]), [19, 22, 43, 50])
  const image = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1])
  const filter = tf.tensor4d([1, 2, 3, 4], [2, 2, 1, 1])
  const [toImage, toFilter] = tf.grads((x, w) => tf.conv2d(x, w, 1, 'valid').sum())([image, filter])
  expect('the gradient of a convolution by its image', toImage, [1, 3, 2, 4, 10, 6, 3, 7, 4])
  expect('the gradient of a convolution by its filter', toFilter, [12, 16, 24, 28])
})
`

/** A failure whose message says everything; it is printed without a stack. */
class SetupError extends Error {}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`)
}

/**
 * Runs a program to its end, without a shell; kills it with all its children after the limit, or when we are stopped.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ limit: number, cwd?: string, env?: NodeJS.ProcessEnv }} options limit in milliseconds
 * @returns {Promise<{ ok: boolean, reason: string }>} reason: why it is not ok
 */
function run(command, args, { limit, cwd = ROOT, env = process.env }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    /** @type {Buffer[]} */
    const output = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk))
    const kill = () => child.pid && process.kill(-child.pid, 'SIGKILL')
    process.once('exit', kill)
    let late = false
    const timer = setTimeout(() => {
      late = true
      kill()
    }, limit)
    const end = (/** @type {boolean} */ ok, /** @type {string} */ reason) => {
      clearTimeout(timer)
      process.off('exit', kill)
      resolve({ ok, reason: late ? `no end after ${limit / 1000} s` : reason })
    }
    child.on('error', (error) => end(false, error.message))
    child.on('close', (code, signal) => {
      const lines = Buffer.concat(output).toString().trim().split('\n').slice(-12).join('\n')
      end(code === 0, lines || `ended with ${signal ?? `code ${code}`}`)
    })
  })
}

/**
 * Prints the name of a step, and how long it took.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function step(name, work) {
  process.stdout.write(`${name} … `)
  const begin = performance.now()
  let outcome = 'failed after '
  try {
    const result = await work()
    outcome = result === false ? 'no, ' : ''
    return result
  } finally {
    process.stdout.write(`${outcome}${((performance.now() - begin) / 1000).toFixed(1)} s\n`)
  }
}

/** Loads the binding in a process of its own, since a broken one may take its process down. */
function check() {
  return run(process.execPath, ['-e', CHECK], { limit: CHECK_LIMIT })
}

/** Moves prepared folders (lib, deps) into the package. @param {string} from */
async function moveIn(from) {
  for (const folder of ['lib', 'deps']) {
    await rm(path.join(PACKAGE, folder), { recursive: true, force: true })
    await rename(path.join(from, folder), path.join(PACKAGE, folder))
  }
}

/**
 * Runs the package's own install script, on a copy: it rewrites its own package.json while it works.
 * @returns {Promise<boolean>} whether the package has its own binding now
 */
async function ownScript() {
  const copy = path.join(WORK, 'package')
  await cp(PACKAGE, copy, { recursive: true, filter: (file) => !/[\\/](lib|deps)$/.test(file) })
  const bin = path.join(ROOT, 'node_modules/.bin')
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` }
  const options = { limit: OWN_SCRIPT_LIMIT, cwd: copy, env }
  const { ok } = await run(process.execPath, ['scripts/install.js'], options)
  // The script exits with 0 after some failures, so what it left counts too.
  const wanted = ['lib/napi-v8/tfjs_binding.node', 'deps/lib'].map((name) => path.join(copy, name))
  if (!ok || !wanted.every((file) => existsSync(file))) return false
  await moveIn(copy)
  return true
}

/** Node's own headers. @returns {Promise<string>} the folder of node_api.h */
async function nodeHeaders() {
  const beside = path.join(path.dirname(await realpath(process.execPath)), '../include/node')
  const gyp = path.join(homedir(), '.cache/node-gyp', process.versions.node, 'include/node')
  const places = [beside, gyp, '/usr/include/node', '/usr/include/nodejs/src']
  const found = places.find((folder) => existsSync(path.join(folder, 'node_api.h')))
  if (found) return found
  throw new SetupError(
    `Expected node_api.h, Node's header, in one of ${places.join(', ')}. Install Node from its own archive, which has it, ` +
      'or the headers alone (Debian and Ubuntu: apt-get install libnode-dev).',
  )
}

/** Names what has to be installed before anything is downloaded. */
async function checkTools() {
  const tools = [
    { args: ['python3', '--version'], install: 'python3 python3-pip' },
    { args: ['python3', '-m', 'pip', '--version'], install: 'python3-pip' },
    { args: ['g++', '--version'], install: 'g++' },
  ]
  for (const { args, install } of tools) {
    const [command = '', ...rest] = args
    if (!(await run(command, rest, { limit: CHECK_LIMIT })).ok) {
      throw new SetupError(
        `Expected \`${args.join(' ')}\` to work (Debian and Ubuntu: apt-get install ${install}).`,
      )
    }
  }
}

/** Downloads the wheel and verifies it; one that is there already is only verified. @returns {Promise<string>} its path */
async function fetchWheel() {
  const folder = path.join(WORK, 'wheel')
  await mkdir(folder, { recursive: true })
  const find = async () => (await readdir(folder)).find((name) => name.endsWith('.whl'))
  if (!(await find())) {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', ...WHEEL.tags]
    const download = await run('python3', [...pip, '--dest', folder, WHEEL.requirement], { limit: PIP_LIMIT })
    if (!download.ok) throw new SetupError(`pip could not download ${WHEEL.requirement}:\n${download.reason}`)
  }
  const name = await find()
  if (!name) throw new SetupError(`pip downloaded no wheel of ${WHEEL.requirement} to ${folder}.`)
  const wheel = path.join(folder, name)
  const sum = createHash('sha256')
    .update(await readFile(wheel))
    .digest('hex')
  if (sum !== WHEEL.sha256) {
    await rm(wheel)
    throw new SetupError(
      `Expected the SHA-256 ${WHEEL.sha256} for ${name} but received ${sum}; the file was deleted.`,
    )
  }
  return wheel
}

/** @param {string} wheel @param {string} target */
async function unpack(wheel, target) {
  const unpacked = await run('python3', ['-c', UNPACK, wheel, target], { limit: PIP_LIMIT })
  if (!unpacked.ok) throw new SetupError(`The wheel could not be unpacked:\n${unpacked.reason}`)
}

/**
 * Compiles the binding and lays it out as the package expects it: lib/napi-v8 and deps/lib.
 * @param {string} tensorflow the unpacked wheel's folder with the libraries and include/
 * @param {string} headers Node's
 * @param {string} built
 */
async function compile(tensorflow, headers, built) {
  const output = path.join(built, 'lib/napi-v8')
  const libraries = path.join(built, 'deps/lib')
  for (const folder of [output, libraries]) await mkdir(folder, { recursive: true })
  for (const name of LIBRARIES) await rename(path.join(tensorflow, name), path.join(libraries, name))
  const binding = path.join(PACKAGE, 'binding')
  const sources = (await readdir(binding)).filter((name) => name.endsWith('.cc'))
  const args = [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-DBUILDING_NODE_EXTENSION'],
    ...[`-I${headers}`, `-I${path.join(tensorflow, 'include')}`, `-I${binding}`],
    ...sources.map((name) => path.join(binding, name)),
    ...['-o', path.join(output, 'tfjs_binding.node'), `-L${libraries}`, '-Wl,-rpath,$ORIGIN/../../deps/lib'],
    ...LIBRARIES.map((name) => `-l:${name}`),
  ]
  const compiled = await run('g++', args, { limit: COMPILE_LIMIT })
  if (!compiled.ok) throw new SetupError(`g++ could not compile the binding:\n${compiled.reason}`)
}

async function main() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      `Expected Linux on x64 for the native engine but received ${process.platform} on ${process.arch}. ` +
        'Training works without it, on the WebAssembly engine, slower.',
    )
  }
  if (Number(process.versions.node.split('.')[0]) >= 23) {
    throw new SetupError(
      `Expected Node 20 or 22 for the native engine but received ${process.versions.node}: @tensorflow/tfjs-node 4.22 ` +
        'calls util.isNullOrUndefined, which Node 23 removed. Train with Node 20; everything else runs on newer ones.',
    )
  }
  const manifest = path.join(PACKAGE, 'package.json')
  if (!existsSync(manifest)) {
    throw new SetupError(
      'Expected @tensorflow/tfjs-node in node_modules. Run `npm ci --ignore-scripts` first.',
    )
  }
  say(`@tensorflow/tfjs-node ${JSON.parse(await readFile(manifest, 'utf8')).version}`)

  const works = async () => (await check()).ok
  if (await step('Checking whether it works already', works)) return
  if (await step('Running its own install script', ownScript)) {
    if (await step('Checking sums and gradients', works)) return
  }
  say('Its own binding cannot be had; building one against the libraries of tensorflow-cpu.')
  const headers = await step("Looking for python3, pip, g++ and Node's headers", async () => {
    await checkTools()
    return nodeHeaders()
  })
  const wheel = await step(`Downloading ${WHEEL.requirement} from PyPI and verifying it`, fetchWheel)
  say(`  SHA-256 ${WHEEL.sha256}`)
  const unpacked = path.join(WORK, 'unpacked')
  const built = path.join(WORK, 'built')
  for (const folder of [unpacked, built]) await rm(folder, { recursive: true, force: true })
  await step('Unpacking the libraries and headers', () => unpack(wheel, unpacked))
  await step('Compiling the binding', () => compile(path.join(unpacked, 'tensorflow'), headers, built))
  await moveIn(built)
  const after = await step('Checking sums and gradients', check)
  if (!after.ok) throw new SetupError(`The binding was compiled but does not work:\n${after.reason}`)
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
try {
  await main()
  // Only a run that broke off keeps what it had downloaded.
  await rm(WORK, { recursive: true, force: true })
  say('The native engine works.')
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
