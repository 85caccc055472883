/** The init container that sets redirection up. */
export const initName = 'weft-init'
/** The native sidecar. A pod is meshed when its spec has it. */
export const proxyName = 'weft-proxy'

export const tokenVolume = 'weft-token'
export const trustVolume = 'weft-trust'
export const volumeNames: readonly string[] = [tokenVolume, trustVolume]

/** In every injected namespace, kept by the control plane. */
export const trustConfigMap = 'weft-trust-bundle'
