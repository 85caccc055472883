// Some hundreds of simulated sidecars in one process; push.ts starts it.
import { credentials } from '@grpc/grpc-js'
import { workloadUid } from '#control-plane/model/names.ts'
import type { RegistryWorkload } from '#control-plane/model/registry-state.ts'
import { now } from '../clock.ts'
import { addressesSeen, type Population, population } from '../population.ts'
import { answerQuestions } from './child.ts'
import { type Arrivals, noArrivals } from './delays.ts'
import type { ConnectOptions } from './messages.ts'
import { simulateSidecar } from './simulated-sidecar.ts'

/** Sidecars that fetch their first configuration at the same time. */
const atOnce = 8

let arrivals = noArrivals(0)
let failure: Error | undefined

answerQuestions(async ({ kind, ask }) => {
  if (failure) throw failure
  if (kind === 'connect') return await connect(ask)
  if (kind === 'collect') return collect()
  throw new Error(`sidecars are not asked to ${kind}`)
})

async function connect(options: ConnectOptions): Promise<null> {
  const mesh = population(options.pods)
  const indices = new Map(mesh.workloads.map((workload, index) => [workloadUid(workload), index]))
  const secure = credentials.createSsl(Buffer.from(options.bundle))
  const waiting = options.sidecars.map((index) => mesh.workloads[index]!)
  const worker = async (): Promise<void> => {
    for (let pod = waiting.pop(); pod; pod = waiting.pop()) await inStep(pod, mesh, indices, secure, options)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  arrivals = noArrivals(options.pods)
  return null
}

/** Resolves once the sidecar holds everything that it may see. */
function inStep(
  { namespace, name }: RegistryWorkload,
  mesh: Population,
  indices: ReadonlyMap<string, number>,
  secure: ReturnType<typeof credentials.createSsl>,
  { port, scope }: ConnectOptions,
): Promise<void> {
  const wanted = addressesSeen(mesh, scope, namespace)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let held = 0
  const received = (names: readonly string[]): void => {
    const at = now()
    for (const one of names) note(indices.get(one), at)
    held += names.length
    if (held >= wanted) resolve()
  }
  const ended = (error: Error): void => {
    failure ??= error
    reject(error)
  }
  simulateSidecar({ port, credentials: secure, pod: `${namespace}/${name}`, received, ended })
  return promise
}

function note(index: number | undefined, at: number): void {
  if (index === undefined || index >= arrivals.last.length) return
  arrivals.last[index] = at
  arrivals.count[index] = arrivals.count[index]! + 1
}

function collect(): Arrivals {
  const collected = arrivals
  arrivals = noArrivals(collected.last.length)
  return collected
}
