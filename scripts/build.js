/** Compiles the sources to dist, with the data files that lie beside them and the web page. */
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { chmod, cp, mkdtemp, readdir, rename, rm, utimes } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const DIST = path.join(ROOT, 'dist')
const DATA = ['.json', '.json.gz', '.txt', '.html', '.css', '.svg']

/**
 * @param {string} output a folder inside the project
 * @returns {boolean} whether every source compiled
 */
function compile(output) {
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc')
  const args = ['-p', 'tsconfig.build.json', '--noEmitOnError', '--outDir', output]
  return spawnSync(process.execPath, [tsc, ...args], { cwd: ROOT, stdio: 'inherit' }).status === 0
}

/** Copies what the compiled files read at run time from the rooms they come from. @param {string} output */
async function copyData(output) {
  const isWanted = (/** @type {string} */ file) => {
    const name = path.basename(file)
    if (statSync(file).isDirectory()) return name !== 'fixtures'
    return DATA.some((ending) => name.endsWith(ending)) && !name.startsWith('tsconfig')
  }
  for (const room of await readdir(output, { withFileTypes: true })) {
    if (!room.isDirectory()) continue
    await cp(path.join(ROOT, room.name), path.join(output, room.name), { recursive: true, filter: isWanted })
  }
}

/** Bundles the web page's script: the browser gets one file. @param {string} output */
async function buildPage(output) {
  const { build } = await import('esbuild')
  await build({
    entryPoints: [path.join(ROOT, 'server/page/main.ts')],
    outfile: path.join(output, 'server/page/main.js'),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  })
}

/** The service's reference is shown by Swagger UI, with its licence. @param {string} output */
async function copyReference(output) {
  const names = [
    'swagger-ui.css',
    'swagger-ui-bundle.js',
    'swagger-ui-bundle.js.LICENSE.txt',
    'LICENSE',
    'NOTICE',
  ]
  for (const name of names)
    await cp(path.join(ROOT, 'node_modules/swagger-ui-dist', name), path.join(output, 'server/docs', name))
}

// Built aside and moved in whole: a build that fails or is stopped leaves no half of a dist behind. Beside dist, since
// node_modules may lie on another disk, from which nothing can be renamed.
const output = await mkdtemp(`${DIST}.part-`)
const old = path.join(path.dirname(output), path.basename(output).replace('.part-', '.old-'))
const begin = new Date()
try {
  if (compile(output)) {
    await copyData(output)
    await buildPage(output)
    await copyReference(output)
    // A temporary folder is its maker's alone; in a container somebody else runs what is in it.
    await chmod(output, 0o777 & ~process.umask())
    // The time of dist says which sources it holds: a source saved meanwhile counts as newer.
    await utimes(output, begin, begin)
    if (existsSync(DIST)) await rename(DIST, old)
    await rename(output, DIST)
  } else {
    process.exitCode = 1
  }
} finally {
  for (const folder of [output, old]) await rm(folder, { recursive: true, force: true })
}
