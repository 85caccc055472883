import type { Authority } from './authority/authority.ts'
import type { RotationTiming } from './authority/rotation/advance.ts'
import { Rotation } from './authority/rotation/rotation.ts'
import type { ControlPlaneConfig } from './config.ts'
import type { Instruments } from './control-plane.ts'
import type { Platform } from './platform.ts'
import type { Publisher } from './publisher.ts'
import type { DiscoveryService } from './push/discovery-service.ts'

export interface RootRotationParts {
  readonly authority: Authority
  readonly platform: Platform
  readonly discovery: DiscoveryService
  readonly publisher: Publisher
  readonly trustDomain: string
  /** Whether a pod's certificates are taken back, by its UID. */
  readonly isRevoked: (podUid: string) => boolean
}

/** Begins to look after the roots of a control plane that serves. */
export function startRootRotation(
  config: ControlPlaneConfig,
  { authority, platform, discovery, publisher, trustDomain, isRevoked }: RootRotationParts,
  instruments: Instruments,
): Rotation {
  const { identityRequests: asked, identityStatus: status } = platform
  return new Rotation({
    roots: authority.roots,
    trustDomain,
    timing: timingOf(config),
    request: () => asked.current.rotation,
    asked,
    authority,
    unwritten() {
      const published = publisher.bundle === authority.trustBundle.current
      return [
        ...(published ? [] : ['the configuration of the sidecars']),
        ...(authority.trustPublished ? [] : ['the trust bundle for those who start']),
        ...platform.unwrittenTrust(),
      ]
    },
    audience: {
      // Whoever is cut off follows nothing any more.
      get pods() {
        return new Map([...discovery.pods].filter(([podUid]) => !isRevoked(podUid)))
      },
      clients: () => discovery.clients(),
    },
    status,
    replica: config.registry.kind === 'kubernetes' ? config.registry.podName : undefined,
    ...instruments,
  })
}

function timingOf({ rotation, certificateLifetime: lifetime }: ControlPlaneConfig): RotationTiming {
  const { dwell, limit, grace } = rotation
  // Clients spread their renewals over 5 minutes, and may hear of the new root from a file as late as a dwell.
  return { dwell, limit, grace, lifetime, reissue: 4 * dwell }
}
