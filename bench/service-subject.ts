/** The service that is measured, and what its processes use. Linux only: it reads /proc. */
import { readFileSync } from 'node:fs'
import { residentOf } from '../resident.js'
// biome-ignore lint/style/noRestrictedImports: the bench starts the service as its tests do
import { ServiceProcess } from '../server/fixtures/process.js'

/** Of the clock of /proc. */
const TICKS_PER_SECOND = 100

/** Between samples of the event loop's delay, which they include, ms. */
const SAMPLING = 10

/** Cores that each process kept busy. */
export interface Cores {
  readonly generator: number
  readonly service: number
  readonly model: number
}

/** Resident memory of a process: now, and the most there ever was, bytes. */
export interface Resident {
  readonly now: number
  readonly most: number
}

export class Subject {
  private constructor(private readonly service: ServiceProcess) {}

  /** The compiled service without cache. */
  static async start(...flags: string[]): Promise<Subject> {
    const quiet = ['--cache-bytes', '0', '--log-level', 'warn']
    const service = await ServiceProcess.start([...quiet, ...flags])
    // An unhandled rejection ends Node.js and is told here.
    service.process.stderr!.on('data', (told) => process.stderr.write(told))
    process.once('exit', () => service.process.kill('SIGKILL'))
    // The delay of the event loop counts from one look to the next, and loading the model keeps nobody waiting.
    await service.metrics()
    return new Subject(service)
  }

  get url(): string {
    return this.service.url
  }

  /** Number of the process that the model runs in now. */
  get model(): number {
    const { pid } = this.service.process
    const [model] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    if (!model) throw new Error(`Expected a model's process of ${pid} but there is none now`)
    return Number(model)
  }

  get memory(): { service: Resident; model: Resident } {
    return { service: resident(this.service.process.pid!), model: resident(this.model) }
  }

  /** Does something and tells the cores that were busy meanwhile; this process is the generator. */
  async cores<R>(work: () => Promise<R>): Promise<[R, Cores]> {
    const pids = [process.pid, this.service.process.pid!, this.model]
    const before = pids.map(processorTime)
    const began = performance.now()
    const result = await work()
    const seconds = (performance.now() - began) / 1000
    const [generator, service, model] = pids.map((pid, i) => (processorTime(pid) - before[i]!) / seconds)
    return [result, { generator: generator!, service: service!, model: model! }]
  }

  metrics(): Promise<(name: string) => number> {
    return this.service.metrics()
  }

  /** The longest time that the event loop kept others waiting since the metrics were looked at, ms. */
  async longestBlock(): Promise<number> {
    const metric = await this.metrics()
    return 1000 * metric('nodejs_eventloop_lag_max_seconds') - SAMPLING
  }

  /** Ends it as an operator would. @returns its exit code */
  stop(): Promise<number | null> {
    return this.service.stop()
  }
}

function resident(pid: number): Resident {
  const [now, most] = [residentOf(pid, 'VmRSS'), residentOf(pid, 'VmHWM')]
  if (now === undefined || most === undefined) throw new Error(`Expected process ${pid} to run`)
  return { now, most }
}

/** Seconds of processor time that a process has used. */
function processorTime(pid: number): number {
  const [, fields] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const [user, system] = fields!.split(' ').slice(11, 13)
  return (Number(user) + Number(system)) / TICKS_PER_SECOND
}
