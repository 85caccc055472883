import { exclusionVariables } from '#mesh/exclusions.ts'
import { initName } from '#mesh/injected.ts'
import type { Options } from '../decide/options.ts'
import type { Settings } from '../settings.ts'
import { containerResources } from './resources.ts'
import { initMounts } from './volumes.ts'

/** Sets redirection up and ends. The only container of weft's with capabilities, and the only one that runs as root. */
export function initContainer(options: Options, { images, imagePullPolicy }: Settings): unknown {
  return {
    name: initName,
    image: images.init,
    imagePullPolicy,
    env: variables(options),
    // The sidecar's: it ends before that one starts, so it costs nothing, and a class or quota of the pod holds for both.
    resources: containerResources(options.resources),
    securityContext: {
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMounts: initMounts,
  }
}

function variables({ excludeInboundPorts, excludeOutboundPorts, excludeOutboundCidrs }: Options) {
  const given = [
    [exclusionVariables.inboundPorts, excludeInboundPorts],
    [exclusionVariables.outboundPorts, excludeOutboundPorts],
    [exclusionVariables.outboundRanges, excludeOutboundCidrs],
    // The legacy backend wants a file to lock, and the root file system is read-only.
    ['XTABLES_LOCKFILE', '/dev/shm/xtables.lock'],
  ] as const
  return given.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]))
}
