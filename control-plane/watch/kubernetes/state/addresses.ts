import type { IpAddress } from '#mesh/address.ts'
import type { RegistryWorkload } from '../../../model/registry-state.ts'
import type { Node } from '../objects/node.ts'
import type { Service } from '../objects/service.ts'

export interface AddressInputs {
  readonly services: readonly Service[]
  readonly pods: readonly Pick<RegistryWorkload, 'namespace' | 'name' | 'hostNetwork' | 'addresses'>[]
  readonly nodes: Iterable<Pick<Node, 'addresses'>>
  readonly honorExternalIps: boolean
}

/** A service with the addresses that lead to it. */
export interface OwnedAddresses {
  readonly service: Service
  readonly clusterIps: readonly IpAddress[]
  readonly ingressIps: readonly IpAddress[]
}

/** An address that a service claims and another one has. */
export interface LostAddress {
  readonly service: Service
  readonly ip: IpAddress
  /** Who has it, e.g. `service shop/cart`. */
  readonly owner: string
}

/**
 * Who has which address: pods, then virtual addresses, then nodes, then load balancers and external addresses; among
 * services the oldest, so that nobody can take an address away by claiming it.
 */
export function serviceAddresses({ services, pods, nodes, honorExternalIps }: AddressInputs): {
  readonly owned: readonly OwnedAddresses[]
  readonly lost: readonly LostAddress[]
} {
  const oldestFirst = services.toSorted(byAge)
  const claims = new Claims()
  for (const pod of pods) {
    if (!pod.hostNetwork) for (const ip of pod.addresses) claims.take(ip, `pod ${pod.namespace}/${pod.name}`)
  }
  const clusterIps = new Map(oldestFirst.map((each) => [each, claims.claim(each, each.clusterIps)]))
  for (const { addresses } of nodes) for (const ip of addresses) claims.take(ip, nodeOwner)
  return {
    owned: oldestFirst.map((service) => {
      const external = honorExternalIps ? service.externalIps : []
      const ingressIps = claims.claim(service, [...service.ingressIps, ...external])
      return { service, clusterIps: clusterIps.get(service) ?? [], ingressIps }
    }),
    lost: claims.lost,
  }
}

const nodeOwner = 'a node'

class Claims {
  readonly #owners = new Map<IpAddress, string>()
  readonly lost: LostAddress[] = []

  take(ip: IpAddress, owner: string): void {
    if (!this.#owners.has(ip)) this.#owners.set(ip, owner)
  }

  /** The addresses that the service gets. */
  claim(service: Service, addresses: readonly IpAddress[]): IpAddress[] {
    const own = `service ${service.namespace}/${service.name}`
    return [...new Set(addresses)].filter((ip) => {
      const owner = this.#owners.get(ip)
      this.take(ip, own)
      if (owner === undefined) return true
      // Some balancers answer on the nodes themselves: what goes there is not the mesh's to redirect, nor a mistake.
      if (owner !== nodeOwner && owner !== own) this.lost.push({ service, ip, owner })
      return false
    })
  }
}

function byAge(a: Service, b: Service): number {
  return a.created - b.created || (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1)
}
