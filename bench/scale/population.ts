import type { RegistryService, RegistryWorkload } from '#control-plane/model/registry-state.ts'
import { pod, service } from '#control-plane/model/testing/registries.ts'

/** A large mesh: namespaces of ten services with ten pods each. */
export interface Population {
  readonly workloads: readonly RegistryWorkload[]
  readonly services: readonly RegistryService[]
}

const podsOfService = 10
const servicesOfNamespace = 10

/** That many pods, at most 25 600, and a service for every ten of them. Two pods that follow each other are in two namespaces. */
export function population(pods: number): Population {
  if (!Number.isInteger(pods) || pods < 1 || pods > 25_600) {
    throw new RangeError(`${pods} pods: choose a whole number from 1 to 25600`)
  }
  const namespaces = Math.ceil(pods / (podsOfService * servicesOfNamespace))
  const workloads = Array.from({ length: pods }, (_, n) => nthPod(n, namespaces))
  const apps = new Set(workloads.map(({ namespace, labels }) => `${namespace}/${labels['app']}`))
  return { workloads, services: [...apps].map(serviceOf) }
}

/** How many resources of the Address type a sidecar holds once it is in step. */
export function addressesSeen(
  { workloads, services }: Population,
  scope: 'mesh' | 'namespace',
  namespace: string,
): number {
  const seen = ({ namespace: own }: { readonly namespace: string }) => scope === 'mesh' || own === namespace
  return workloads.filter(seen).length + services.filter(seen).length
}

function nthPod(n: number, namespaces: number): RegistryWorkload {
  const place = Math.floor(n / namespaces)
  const [namespace, app] = [n % namespaces, Math.floor(place / podsOfService)]
  const name = `app-${app}-${place % podsOfService}`
  return pod(`team-${namespace}/${name}`, `10.77.${namespace}.${place + 1}`, {
    podUid: `uid-${n}`,
    serviceAccount: `app-${app}`,
    node: `node-${n % 200}`,
    locality: { region: 'a', zone: `a-${n % 3}`, subzone: '' },
  })
}

function serviceOf(key: string): RegistryService {
  const [, namespace, app] = /^team-(\d+)\/app-(\d+)$/.exec(key) ?? []
  return service(key, `10.78.${namespace}.${Number(app) + 1}`)
}
