import { cidrContains, formatCidr, type IpAddress } from '#mesh/address.ts'
import type { RegistryMesh, RegistryService } from '../../model/registry-state.ts'
import { formatPath, type Path, type Problem } from './problems.ts'
import type { Located, Sections } from './sections.ts'

/** What no entry can see by itself: names and addresses claimed twice, addresses outside the mesh's networks. */
export function crossCheck(sections: Sections): Problem[] {
  const { mesh, workloads, services, policies } = sections
  return [
    ...duplicates(
      workloads.map(({ path, value }) => named(path, `workload ${value.namespace}/${value.name}`)),
    ),
    ...duplicates(services.map(({ path, value }) => named(path, `service ${value.namespace}/${value.name}`))),
    ...duplicates(
      policies.map(({ path, value }) => named(path, `${value.kind} ${value.namespace}/${value.name}`)),
    ),
    ...claims(sections),
    ...virtualEndpoints(sections),
    ...services.flatMap(strangePortNames),
    ...(mesh ? outside(mesh.value, sections) : []),
  ]
}

interface Claim {
  readonly path: Path
  /** What may be claimed once, as a message calls it. */
  readonly what: string
}

function named(path: Path, what: string): Claim {
  return { path: [...path, 'name'], what }
}

/** A problem at every claim but the first, which it names. */
function duplicates(all: readonly Claim[]): Problem[] {
  const first = new Map<string, Path>()
  return all.flatMap(({ path, what }) => {
    const earlier = first.get(what)
    if (!earlier) first.set(what, path)
    return earlier
      ? [{ path, message: `${what} is already at ${formatPath(earlier)}: write another one` }]
      : []
  })
}

interface AddressClaim {
  readonly path: Path
  readonly ip: IpAddress
}

function workloadAddresses({ workloads }: Sections): AddressClaim[] {
  return workloads.flatMap(({ path, value }) => {
    return value.addresses.map((ip, i) => ({ path: [...path, 'addresses', i], ip }))
  })
}

function serviceAddresses({ services }: Sections, field: 'addresses' | 'ingressAddresses'): AddressClaim[] {
  return services.flatMap(({ path, value }) => {
    return value[field].map(({ ip }, i) => ({ path: [...path, field, i], ip }))
  })
}

/** Workloads first, so that a service which takes a workload's address is the one that is told. */
function claims(sections: Sections): Problem[] {
  const virtual = [
    ...serviceAddresses(sections, 'addresses'),
    ...serviceAddresses(sections, 'ingressAddresses'),
  ]
  const all = [...workloadAddresses(sections), ...virtual]
  return duplicates(all.map(({ path, ip }) => ({ path, what: `address ${ip}` })))
}

/** Outside of its networks the mesh dials plaintext, so an address there would silently not be protected. */
function outside({ settings }: RegistryMesh, sections: Sections): Problem[] {
  // A pod on the host's network has its node's address, which need not be the mesh's.
  const pods = { ...sections, workloads: sections.workloads.filter(({ value }) => !value.hostNetwork) }
  const networks = settings.networks.map(formatCidr).join(', ')
  return [...workloadAddresses(pods), ...serviceAddresses(sections, 'addresses')]
    .filter(({ ip }) => !settings.networks.some((network) => cidrContains(network, ip)))
    .map(({ path, ip }) => {
      return {
        path,
        message: `${ip} is outside of mesh.networks (${networks}): write one inside, or add its range`,
      }
    })
}

/** Behind a virtual address there may be a meshed pod, which would be reached in plaintext that way. */
function virtualEndpoints({ services }: Sections): Problem[] {
  const owners = new Map<IpAddress, Path>()
  for (const { path, value } of services) {
    for (const { ip } of [...value.addresses, ...value.ingressAddresses]) owners.set(ip, path)
  }
  return services.flatMap(({ path, value }) => {
    return (value.endpoints ?? []).flatMap(({ address }, i) => {
      const owner = owners.get(address)
      if (!owner) return []
      const message = `${address} is a virtual address, of ${formatPath(owner)}: write the address of an endpoint`
      return [{ path: [...path, 'endpoints', i], message }]
    })
  })
}

function strangePortNames({ path, value }: Located<RegistryService>): Problem[] {
  const names = value.ports.map(({ name }) => name)
  return (value.endpoints ?? []).flatMap(({ ports }, i) => {
    const strange = [...ports.keys()].filter((name) => !names.includes(name))
    return strange.map((name) => {
      const message = `is the name of no TCP port of this service (${names.join(', ')}): write one of those`
      return { path: [...path, 'endpoints', i, 'ports', name], message }
    })
  })
}
