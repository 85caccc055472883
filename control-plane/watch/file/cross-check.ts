import { cidrContains, formatCidr, type IpAddress } from '#mesh/address.ts'
import { forbiddenAuthorityPorts } from '#mesh/ports.ts'
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
    ...(mesh ? outside(mesh.value, sections) : []),
    ...services.flatMap(portProblems),
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

function serviceAddresses({ services }: Sections): AddressClaim[] {
  return services.flatMap(({ path, value }) => {
    return value.addresses.map(({ ip }, i) => ({ path: [...path, 'addresses', i], ip }))
  })
}

/** Workloads first, so that a service which takes a workload's address is the one that is told. */
function claims(sections: Sections): Problem[] {
  const all = [...workloadAddresses(sections), ...serviceAddresses(sections)]
  return duplicates(all.map(({ path, ip }) => ({ path, what: `address ${ip}` })))
}

/** Outside of its networks the mesh dials plaintext, so an address there would silently not be protected. */
function outside({ settings }: RegistryMesh, sections: Sections): Problem[] {
  // A pod on the host's network has its node's address, which need not be the mesh's.
  const pods = { ...sections, workloads: sections.workloads.filter(({ value }) => !value.hostNetwork) }
  const networks = settings.networks.map(formatCidr).join(', ')
  return [...workloadAddresses(pods), ...serviceAddresses(sections)]
    .filter(({ ip }) => !settings.networks.some((network) => cidrContains(network, ip)))
    .map(({ path, ip }) => {
      return {
        path,
        message: `${ip} is outside of mesh.networks (${networks}): write one inside, or add its range`,
      }
    })
}

function portProblems({ path, value: { ports } }: Located<RegistryService>): Problem[] {
  const at = (i: number, field: string) => [...path, 'ports', i, field]
  const used = ports.flatMap(({ name, port }, i) => {
    const number = { path: at(i, 'port'), what: `port ${port} of this service` }
    return name === '' ? [number] : [number, { path: at(i, 'name'), what: `port ${name} of this service` }]
  })
  const unnamed = ports.flatMap(({ name }, i) => {
    const message = 'has no name: write one, because the service has several ports'
    return name === '' && ports.length > 1 ? [{ path: [...path, 'ports', i], message }] : []
  })
  const reserved = ports.flatMap(({ targetPort }, i) => {
    const message = `${targetPort} is a port of the mesh itself: write the one that the application listens on`
    return forbiddenAuthorityPorts.has(targetPort) ? [{ path: at(i, 'targetPort'), message }] : []
  })
  return [...unnamed, ...duplicates(used), ...reserved]
}
