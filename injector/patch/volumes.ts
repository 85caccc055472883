import { tokenVolume, trustConfigMap, trustVolume } from '#mesh/injected.ts'

const tokenPath = '/var/run/weft/token'
const trustPath = '/var/run/weft/trust'

/** Neither is an emptyDir, so that no cluster autoscaler takes the pod for one that cannot be moved. */
export const volumes: readonly unknown[] = [
  {
    name: tokenVolume,
    projected: {
      sources: [{ serviceAccountToken: { audience: 'weft-ca', expirationSeconds: 3_600, path: 'token' } }],
    },
  },
  { name: trustVolume, configMap: { name: trustConfigMap } },
]

/**
 * Where the API server mounts the pod's own API token into every container that has no mount there. Ours need none,
 * and so have something harmless in its place.
 */
const withoutApiToken = {
  name: trustVolume,
  mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
  readOnly: true,
}

export const initMounts: readonly unknown[] = [withoutApiToken]

export const proxyMounts: readonly unknown[] = [
  { name: tokenVolume, mountPath: tokenPath, readOnly: true },
  { name: trustVolume, mountPath: trustPath, readOnly: true },
  withoutApiToken,
]

/** The environment by which the sidecar finds its files. */
export const fileVariables = [
  { name: 'WEFT_TRUST_BUNDLE', value: `${trustPath}/bundle.pem` },
  { name: 'WEFT_TOKEN', value: `${tokenPath}/token` },
] as const
