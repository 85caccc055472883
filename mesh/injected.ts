/** The init container that sets redirection up. */
export const initName = 'weft-init'
/** The native sidecar. A pod is meshed when its spec has it. */
export const proxyName = 'weft-proxy'

export const tokenVolume = 'weft-token'
export const trustVolume = 'weft-trust'
export const volumeNames: readonly string[] = [tokenVolume, trustVolume]

/** In every injected namespace, kept by the control plane. */
export const trustConfigMap = 'weft-trust-bundle'

/** Of a pod's spec, what says that it runs on Windows. */
export interface SystemWanted {
  readonly os?: { readonly name: string } | null | undefined
  readonly nodeSelector?: Readonly<Record<string, string>> | null | undefined
}

/** Whether a pod can only run on Windows, where nothing redirects: by its own word, or by the nodes that it asks for. */
export function isForWindows({ os, nodeSelector }: SystemWanted): boolean {
  return (os?.name ?? nodeSelector?.['kubernetes.io/os']) === 'windows'
}
