// The control plane over a synthetic registry, in a process of its own; push.ts starts it.
import { Changeable } from '#control-plane/authority/changing.ts'
import { FileSigners } from '#control-plane/authority/file-signers.ts'
import { fileStatus } from '#control-plane/authority/revocation/identity-status.ts'
import { FileLedger } from '#control-plane/authority/serials/file-ledger.ts'
import { StateDirectory } from '#control-plane/authority/state-directory.ts'
import { TokenRefused, type TokenVerifier } from '#control-plane/authority/tokens.ts'
import { type ControlPlaneConfig, defaultRotation } from '#control-plane/config.ts'
import { type Serving, serve } from '#control-plane/control-plane.ts'
import type { Platform } from '#control-plane/platform.ts'
import { noIdentityRequests } from '#mesh/identity-requests.ts'
import { createLog, silentLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { type Population, population } from '../population.ts'
import { answerQuestions } from './child.ts'
import type { Served, ServeOptions } from './messages.ts'
import { SyntheticRegistry } from './synthetic-registry.ts'

let registry: SyntheticRegistry | undefined

answerQuestions(async ({ kind, ask }) => {
  if (kind === 'serve') return await start(ask)
  if (kind === 'churn' && registry) return await registry.churn(ask)
  throw new Error(`a control plane is not asked to ${kind} now`)
})

async function start({ pods, scope, directory }: ServeOptions): Promise<Served> {
  const mesh = population(pods)
  registry = new SyntheticRegistry(mesh, scope)
  const bundle = Promise.withResolvers<string>()
  const serving = Promise.withResolvers<Serving>()
  const platform = await platformOf(registry, mesh, directory, bundle.resolve)
  follow(platform, directory, serving.resolve).catch(serving.reject)
  const { port } = await serving.promise
  return { port, bundle: await bundle.promise }
}

/** Milliseconds that a certificate is good for. */
const lifetime = 86_400_000

/** As `runControlPlane` does with the registries that it knows. */
async function follow(platform: Platform, file: string, served: (serving: Serving) => void): Promise<void> {
  const log = createLog({ component: 'control-plane', level: 'error' })
  const metrics = createMetrics()
  let serving: Serving | undefined
  for await (const state of platform.registry.watch(new AbortController().signal)) {
    if (serving) serving.take(state)
    else {
      serving = await serve(configOf(file), state, platform, { log, metrics })
      served(serving)
    }
  }
}

async function platformOf(
  from: SyntheticRegistry,
  mesh: Population,
  directory: string,
  publishTrust: (bundle: string) => void,
): Promise<Platform> {
  const state = new StateDirectory(directory)
  const serials = await FileLedger.open({ state, log: silentLog, lifetime })
  return {
    registry: from,
    signers: new FileSigners(state),
    tokens: trustingTokens(mesh),
    identityRequests: new Changeable(noIdentityRequests),
    identityStatus: fileStatus(state),
    serials,
    unwrittenTrust: () => [],
    publishTrust: async (bundle) => publishTrust(bundle),
    published: async () => {},
    [Symbol.asyncDispose]: () => serials[Symbol.asyncDispose](),
  }
}

/** Stands for Kubernetes, whose review of a token costs the control plane little: a token is a pod's name. */
function trustingTokens({ workloads }: Population): TokenVerifier {
  const callers = new Map(
    workloads.map(({ namespace, name, podUid, serviceAccount }) => {
      return [`${namespace}/${name}`, { namespace, podName: name, podUid, serviceAccount }]
    }),
  )
  return {
    async verify(token) {
      const caller = callers.get(token)
      if (!caller) throw new TokenRefused('pod_gone', `there is no pod ${token}`)
      return caller
    },
  }
}

function configOf(stateDir: string): ControlPlaneConfig {
  return {
    registry: { kind: 'file', file: 'synthetic', stateDir },
    listen: { host: '127.0.0.1', port: 0 },
    metricsListen: { host: '127.0.0.1', port: 0 },
    certificateLifetime: lifetime,
    namespace: 'weft-system',
    checkTokenAddress: false,
    rotation: defaultRotation,
    logLevel: 'error',
  }
}
