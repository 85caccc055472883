import type { Capture } from '#test/harness/capture.ts'
import { type Mesh, type Service, startMesh } from '#test/harness/mesh.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

/** What of the mesh every chapter of the story plays on. */
export interface Stage {
  readonly mesh: Mesh
  readonly frontend: Workload
  /** HTTP on 8080, a server that speaks first on 2525, a stream of numbered lines on 9000. */
  readonly backend: Workload
  /** HTTP on 8080; nobody restricts it. */
  readonly catalog: Workload
  /** Meshed, and allowed nothing at backend. */
  readonly visitor: Workload
  /** Not meshed. */
  readonly outsider: Workload
  /** The virtual address of backend. */
  readonly service: Service
  /** Everything that passes the pod network. */
  readonly capture: Capture
}

/** The policy that says who may talk to backend, and that one chapter changes. */
export const backendPolicy = 'backend'

/** Starts the mesh of the story. It is gone once the stage's mesh is disposed. */
export async function setStage(say: (step: string) => void): Promise<Stage> {
  say('a bridge for the pod network, a control plane')
  const mesh = await startMesh()
  try {
    allow(mesh, ['frontend', 'catalog'])
    say('pods: frontend, backend, catalog and visitor with a sidecar each, outsider without')
    const [frontend, backend, catalog, visitor, outsider] = await Promise.all([
      mesh.workload('frontend'),
      mesh.workload('backend'),
      mesh.workload('catalog'),
      mesh.workload('visitor'),
      mesh.workload('outsider', { meshed: false }),
    ])
    say('applications, under a user of their own')
    await Promise.all([
      backend.app('http-server', ['--name', 'backend']),
      backend.app('greeter', ['--port', '2525', '--name', 'backend']),
      backend.app('ticker', ['--port', '9000']),
      catalog.app('http-server', ['--name', 'catalog']),
    ])
    const service = mesh.service('backend', {
      selector: { app: 'backend' },
      ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    })
    say('until every sidecar knows of backend and its policy')
    await Promise.all([knows(frontend, service), knows(visitor, service), isRestricted(backend)])
    const capture = await mesh.capture()
    return { mesh, frontend, backend, catalog, visitor, outsider, service, capture }
  } catch (error) {
    await mesh[Symbol.asyncDispose]().catch(() => {})
    throw error
  }
}

interface Config {
  readonly own: { readonly policies: readonly string[] }
  readonly services: readonly {
    readonly addresses: readonly string[]
    readonly endpoints: readonly string[]
  }[]
}

async function knows(workload: Workload, { ip }: Service): Promise<void> {
  await until(`${workload.name} to know backend's virtual address`, async () => {
    const { services } = (await workload.sidecar.admin('GET /config')) as Config
    return services.some(({ addresses, endpoints }) => addresses.includes(ip) && endpoints.length > 0)
  })
}

async function isRestricted(workload: Workload): Promise<void> {
  await until(`${workload.name} to have its policy`, async () => {
    const { own } = (await workload.sidecar.admin('GET /config')) as Config
    return own.policies.length > 0
  })
}

/** Lets these service accounts, and nobody else, talk to backend. */
export function allow(mesh: Mesh, serviceAccounts: readonly string[]): void {
  mesh.policy({
    kind: 'AuthorizationPolicy',
    name: backendPolicy,
    selector: { app: 'backend' },
    action: 'Allow',
    rules: [{ from: [{ serviceAccounts: [...serviceAccounts] }] }],
  })
}
