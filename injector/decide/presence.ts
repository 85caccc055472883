import { initName, proxyName, volumeNames } from '#mesh/injected.ts'
import type { Container, Pod } from '../pod.ts'

export type Presence =
  | { readonly kind: 'absent' }
  /** Injected before, by an earlier review or by hand. */
  | { readonly kind: 'present'; readonly init: number; readonly proxy: number }
  | { readonly kind: 'taken'; readonly message: string }

/** Whether a pod already has what injection adds, whole, or uses its names for something else. */
export function presence({ spec }: Pod): Presence {
  const initContainers = spec.initContainers ?? []
  const taken = spec.containers.find(({ name }) => name === initName || name === proxyName)
  if (taken) return { kind: 'taken', message: `the container name ${taken.name} is weft's: choose another` }
  const init = initContainers.findIndex(({ name }) => name === initName)
  const proxy = initContainers.findIndex(({ name }) => name === proxyName)
  if (init >= 0 && proxy >= 0 && isNativeSidecar(initContainers[proxy]!))
    return { kind: 'present', init, proxy }
  if (init >= 0 || proxy >= 0) {
    const message = `the init containers ${initName} and ${proxyName} are there, but not as weft adds them: remove them`
    return { kind: 'taken', message }
  }
  const volume = (spec.volumes ?? []).find(({ name }) => volumeNames.includes(name))
  if (volume) return { kind: 'taken', message: `the volume name ${volume.name} is weft's: choose another` }
  return { kind: 'absent' }
}

/** An init container that goes on running beside the application. */
export function isNativeSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === 'Always'
}
