import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { writeBundle } from '../decoder/bundle.js'
import { tinyContent } from '../decoder/fixtures/captioners.js'
import { temporaryFolder } from '../temporary.test.folder.js'
import { ROOT, ServiceProcess, SHOWTELL } from './fixtures/process.js'
import { SOON } from './fixtures/service.js'
import { logTo } from './log-output.js'

const folder = temporaryFolder('log')
const at = (name: string): string => join(folder, name)
beforeAll(() => writeBundle(at('bundle'), tinyContent()))

const FLAGS = ['--engine', 'onnx', '--threads', '1', '--drain-delay', '0']

/** A service whose log goes to an open file, which this process lets go, or into a pipe. */
async function serviceOf(log: 'pipe' | number): Promise<ServiceProcess> {
  const service = await ServiceProcess.start(['--bundle', at('bundle'), ...FLAGS], {}, log)
  if (typeof log === 'number') closeSync(log)
  onTestFinished(() => void service.process.kill('SIGKILL'))
  return service
}

describe('a log', () => {
  it('that cannot be written is dropped, which is told once', async () => {
    const told: string[] = []
    const log = logTo(
      new Writable({ write: (_chunk, _encoding, done) => done(new Error('ENOSPC: no space')) }),
      (loss) => told.push(loss),
    )
    for (let line = 0; line < 3; line++) {
      log.write('a line\n')
      await setImmediate()
    }
    expect(told).toEqual(['log: lines are lost while it cannot be written (ENOSPC: no space)'])
  })

  it('that nobody reads does not gather in memory', () => {
    const told: string[] = []
    const out = new Writable({ write: () => {} })
    const log = logTo(out, (loss) => told.push(loss))
    for (let line = 0; line < 100; line++) log.write('x'.repeat(2 ** 16))
    expect(out.writableLength).toBe(2 ** 20)
    expect(told).toEqual(['log: lines are lost while it cannot be written (nobody reads it)'])
  })
})

describe('a service', () => {
  it('goes on when its log is on a full disk, says so once, and ends in order', async () => {
    const service = await serviceOf(openSync('/dev/full', 'w'))
    for (let request = 0; request < 3; request++)
      expect((await fetch(`${service.url}/v1/model`)).status).toBe(200)
    expect(await service.stop()).toBe(0)
    expect(service.told().match(/^log: .*ENOSPC.*$/gm)).toHaveLength(1)
  })

  it('goes on when the reader of its log is gone, and logs again once there is another', async () => {
    await promisify(execFile)('mkfifo', [at('pipe')])
    const reader = () => spawn('cat', [at('pipe')], { stdio: ['ignore', 'pipe', 'ignore'] })
    const first = reader()
    // Waits for the reader, which is another process.
    const service = await serviceOf(openSync(at('pipe'), 'w'))
    first.kill('SIGKILL')
    await once(first, 'exit')
    const ask = async (path: string) => (await fetch(`${service.url}${path}`)).status
    expect(await ask('/nobody-reads-this')).toBe(404)
    const second = reader()
    let log = ''
    second.stdout.on('data', (chunk) => {
      log += chunk
    })
    // Until it has begun to read.
    await expect.poll(() => ask('/read-again').then(() => log), SOON).toContain('/read-again')
    expect(log).not.toContain('/nobody-reads-this')
    expect(await service.stop()).toBe(0)
  })

  it('ends in order though nobody takes its log', async () => {
    const service = await serviceOf('pipe')
    // More than the pipe and what may wait for it.
    for (let request = 0; request < 400; request++)
      expect((await fetch(`${service.url}/${'x'.repeat(8000)}`)).status).toBe(404)
    expect(await service.stop()).toBe(0)
  })

  it('ends when its terminal is closed', async () => {
    const program = `"${process.execPath}" "${SHOWTELL}" serve --port 0 --bundle "${at('bundle')}"`
    const command = `echo $$ >&3; exec ${program} ${FLAGS.join(' ')} 2>&3`
    const terminal = spawn('script', ['--quiet', '--command', command, '/dev/null'], {
      cwd: ROOT,
      stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
    })
    let told = ''
    const errors = terminal.stdio[3]!.on('data', (chunk) => {
      told += chunk
    })
    onTestFinished(() => {
      if (!errors.closed) process.kill(Number.parseInt(told, 10), 'SIGKILL')
    })
    await expect.poll(() => told, { timeout: 600_000 }).toContain('at http:')
    const closed = once(errors, 'close')
    terminal.kill('SIGKILL')
    // By the service and its model's process, which have nothing else to say.
    await closed
    expect(told).toMatch(/^\d+\nshowtell serves .*\nlog: .*EIO.*\n$/)
  })
})
