/**
 * Runs before `npm start` and `npm test`: installs the packages and compiles the sources where that is still to be done,
 * so that both work on a fresh clone. Says nothing when there is nothing to do.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const NATIVE = path.join(ROOT, 'node_modules/@tensorflow/tfjs-node/lib')
const DIST = path.join(ROOT, 'dist')
const BUILD = path.join(ROOT, 'scripts/build.js')
/** Beside the rooms, what is compiled and what says how. */
const BESIDE = /^([\w-]+\.ts|(tsconfig|package)[\w.-]*\.json)$/
const SOURCE = /(?<!\.test|\.data)\.(ts|json|gz|txt|html|css|svg)$/

/** @param {string} file a lock file of npm @returns {Record<string, { version?: string, optional?: boolean }>} */
function packages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages
}

/** Whether node_modules holds what package-lock.json asks for; optional packages may be missing. */
function isInstalled() {
  const record = path.join(ROOT, 'node_modules/.package-lock.json')
  if (!existsSync(record)) return false
  const installed = packages(record)
  const { '': _project, ...wanted } = packages(path.join(ROOT, 'package-lock.json'))
  return Object.entries(wanted).every(([name, { version, optional }]) =>
    installed[name] ? installed[name].version === version : optional,
  )
}

/** Whether a source is newer than dist, or what compiles them. Other folders than the rooms, which dist has too, hold what commands wrote. */
function isStale() {
  if (!existsSync(DIST)) return true
  const { mtimeMs } = statSync(DIST)
  if (statSync(BUILD).mtimeMs > mtimeMs) return true
  return readdirSync(ROOT).some((name) => {
    const file = path.join(ROOT, name)
    if (BESIDE.test(name)) return statSync(file).mtimeMs > mtimeMs
    return statSync(file).isDirectory() && existsSync(path.join(DIST, name)) && hasNewer(file, mtimeMs)
  })
}

/** @param {string} folder @param {number} time @returns {boolean} whether a source in it changed after the time */
function hasNewer(folder, time) {
  return readdirSync(folder, { withFileTypes: true }).some((entry) => {
    if (entry.name === 'fixtures') return false
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) return hasNewer(file, time)
    return SOURCE.test(entry.name) && statSync(file).mtimeMs > time
  })
}

/** @param {import('node:child_process').SpawnSyncReturns<Buffer>} result */
function orExit({ status, error }) {
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

const [major, minor] = /** @type {[number, number]} */ (process.versions.node.split('.').map(Number))
const runsTests = major >= 24 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)
if (process.env.npm_lifecycle_event === 'pretest' && !runsTests) {
  process.stderr.write(
    `Expected Node 20.19, 22.12 or 24, or newer of these, for npm test but received ${process.versions.node}\n`,
  )
  process.exit(1)
}
if (!isInstalled()) {
  const hadNative = existsSync(NATIVE)
  process.stdout.write('Installing packages …\n')
  // Through a shell: on Windows npm is a command file. The install scripts of our packages are not needed.
  orExit(
    spawnSync('npm ci --ignore-scripts --no-audit --no-fund', { cwd: ROOT, shell: true, stdio: 'inherit' }),
  )
  if (hadNative) process.stdout.write('Run `npm run setup:native` to have the native engine again.\n')
}
if (isStale()) {
  process.stdout.write('Compiling …\n')
  orExit(spawnSync(process.execPath, [BUILD], { cwd: ROOT, stdio: 'inherit' }))
}
