import { proxyName } from '#mesh/injected.ts'
import { ports, sidecarUid } from '#mesh/ports.ts'
import { formatProbeTable, type ProbeTable } from '#mesh/probes.ts'
import type { Options } from '../decide/options.ts'
import type { Pod } from '../pod.ts'
import type { Settings } from '../settings.ts'
import { containerResources } from './resources.ts'
import { fileVariables, proxyMounts } from './volumes.ts'

export const probesVariable = 'WEFT_PROBES'

/** The sidecar, as a native one: started ahead of the application's init containers, ended after the application. */
export function proxyContainer(
  pod: Pod,
  options: Options,
  settings: Settings,
  table: ProbeTable | undefined,
): unknown {
  const { images, imagePullPolicy } = settings
  return {
    name: proxyName,
    image: images.sidecar,
    imagePullPolicy,
    restartPolicy: 'Always',
    ports: [
      { name: 'weft-hbone', containerPort: ports.hbone },
      { name: 'weft-metrics', containerPort: ports.metrics },
    ],
    env: [
      fromField('WEFT_POD_NAME', 'metadata.name'),
      fromField('WEFT_POD_NAMESPACE', 'metadata.namespace'),
      fromField('WEFT_SERVICE_ACCOUNT', 'spec.serviceAccountName'),
      fromField('WEFT_POD_IPS', 'status.podIPs'),
      { name: 'WEFT_TRUST_DOMAIN', value: settings.trustDomain },
      { name: 'WEFT_CLUSTER_ID', value: settings.clusterId },
      { name: 'WEFT_CONTROL_PLANE', value: hostPort(settings.controlPlane) },
      { name: 'WEFT_CONTROL_PLANE_NAME', value: settings.controlPlaneName },
      ...fileVariables,
      { name: 'WEFT_LOG_LEVEL', value: options.logLevel ?? settings.logLevel },
      { name: 'WEFT_DRAIN_DEADLINE', value: drainDeadline(pod.spec.terminationGracePeriodSeconds ?? 30) },
      ...probeVariables(table),
    ],
    // Nothing listens on this port: only redirection that works can bring the probe to an answer.
    startupProbe: {
      httpGet: { port: ports.canary, path: '/' },
      periodSeconds: 1,
      timeoutSeconds: 2,
      failureThreshold: 300,
    },
    readinessProbe: {
      httpGet: { port: ports.readiness, path: '/ready' },
      periodSeconds: 5,
      timeoutSeconds: 2,
      failureThreshold: 3,
    },
    resources: containerResources(options.resources),
    securityContext: {
      runAsUser: sidecarUid,
      runAsGroup: sidecarUid,
      runAsNonRoot: true,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMounts: proxyMounts,
  }
}

/** The table as a variable; none for a pod whose probes are all left alone. */
export function probeVariables(table: ProbeTable | undefined): readonly { name: string; value: string }[] {
  return table ? [{ name: probesVariable, value: formatProbeTable(table) }] : []
}

function fromField(name: string, fieldPath: string): unknown {
  return { name, valueFrom: { fieldRef: { fieldPath } } }
}

function hostPort({ host, port }: Settings['controlPlane']): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Five seconds are kept for ending in good order, or half of a period that is shorter than ten. */
function drainDeadline(gracePeriodSeconds: number): string {
  return `${Math.round(Math.max(gracePeriodSeconds - 5, gracePeriodSeconds / 2) * 1_000)}ms`
}
