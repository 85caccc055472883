import { unknownAnnotations } from '#mesh/annotations.ts'
import { isForWindows, proxyName } from '#mesh/injected.ts'
import { ports, sidecarUid } from '#mesh/ports.ts'
import type { Pod } from '../pod.ts'
import type { Settings } from '../settings.ts'
import type { Namespace } from './namespace.ts'
import { type Options, parseOptions } from './options.ts'
import { type Presence, presence } from './presence.ts'
import { wanted } from './wanted.ts'

export type Decision = {
  /** For the pod's author; each fits in the 256 characters that the API server lets through. */
  readonly warnings: readonly string[]
} & (
  | {
      readonly kind: 'inject'
      readonly options: Options
      readonly presence: Presence & { kind: 'absent' | 'present' }
    }
  | Skipped
  | Refused
)

/** Left as it is. */
export interface Skipped {
  readonly kind: 'skipped'
  readonly reason: string
}

/** Must not start as it is. */
export interface Refused {
  readonly kind: 'refused'
  readonly cause: 'annotation' | 'name' | 'uid' | 'pod-security'
  /** What is wrong, and what to write instead. */
  readonly message: string
}

/** Whether this pod is injected, and how. */
export function decide(pod: Pod, namespace: Namespace, settings: Settings): Decision {
  const asked = wanted(pod, namespace)
  if (asked.kind === 'unclear') return refuse('annotation', asked.message)
  if (asked.kind === 'unwanted') return { kind: 'skipped', reason: asked.reason, warnings: [] }
  const reason = impossible(pod, namespace, settings)
  if (reason !== undefined)
    return { kind: 'skipped', reason, warnings: [`weft does not inject this pod: ${reason}`] }

  const present = presence(pod)
  if (present.kind === 'taken') return refuse('name', present.message)
  const uid = foreignSidecarUser(pod)
  if (uid !== undefined) return refuse('uid', uid)
  if (namespace.podSecurity !== 'privileged') return refuse('pod-security', podSecurity(namespace))
  const { options, problems } = parseOptions(pod.metadata?.annotations ?? {}, settings.resources)
  if (problems.length > 0) return refuse('annotation', problems.join('; '))
  return { kind: 'inject', options, presence: present, warnings: warningsFor(pod) }
}

function refuse(cause: Refused['cause'], message: string): Decision {
  return { kind: 'refused', cause, message, warnings: [] }
}

/** Why a pod cannot be meshed although it should be; undefined when it can. */
function impossible({ spec }: Pod, { name }: Namespace, settings: Settings): string | undefined {
  if (name === settings.namespace || name === 'kube-system')
    return `namespace ${name} holds what the mesh itself needs`
  if (spec.hostNetwork) return 'it uses the host’s network, whose connections are not its own to redirect'
  if (isForWindows(spec)) return 'it runs on Windows, where weft has no redirection'
  return undefined
}

/** An application under the sidecar's user would pass redirection unseen. */
function foreignSidecarUser({ spec }: Pod): string | undefined {
  const ours = `runs as uid ${sidecarUid}, which is the sidecar's and bypasses the mesh: choose another runAsUser`
  if (spec.securityContext?.runAsUser === sidecarUid) return `the pod ${ours}`
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  const same = containers.find(
    ({ name, securityContext }) => name !== proxyName && securityContext?.runAsUser === sidecarUid,
  )
  return same && `container ${same.name} ${ours}`
}

function podSecurity({ name, podSecurity: level }: Namespace): string {
  return (
    `namespace ${name} enforces the Pod Security level ${level}, which refuses the NET_ADMIN and NET_RAW that ` +
    `weft-init needs to redirect the pod: label the namespace pod-security.kubernetes.io/enforce=privileged, ` +
    `or leave the pod out with weft.dev/inject: "false"`
  )
}

function warningsFor({ metadata, spec }: Pod): string[] {
  const unknown = unknownAnnotations(Object.keys(metadata?.annotations ?? {})).map(({ key, nearest }) => {
    const meant =
      nearest === undefined ? 'see docs/injection.md for those it knows' : `did you mean ${nearest}?`
    return `weft does not know the annotation ${key.slice(0, 100)}: ${meant}`
  })
  const own: readonly number[] = Object.values(ports)
  const shadowed = spec.containers.flatMap(({ name, ports: declared }) =>
    (declared ?? [])
      .filter(({ containerPort, protocol }) => own.includes(containerPort) && (protocol ?? 'TCP') === 'TCP')
      .map(
        ({ containerPort }) => `port ${containerPort} of container ${name} is the sidecar's own: use another`,
      ),
  )
  const dns = spec.dnsPolicy === 'Default' || spec.dnsPolicy === 'None'
  const unresolved = `dnsPolicy ${spec.dnsPolicy}: the sidecar finds the control plane by the cluster's DNS, or not at all`
  return [...unknown, ...shadowed, ...(dns ? [unresolved] : [])]
}
