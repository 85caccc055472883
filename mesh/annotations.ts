import { nearestName } from './policy/schema/nearest-name.ts'

/** Everything under this prefix is weft's. */
export const annotationPrefix = 'weft.dev/'

/** On a namespace, a label `enabled`; on a pod, a label or an annotation `true` or `false` that overrides it. */
export const injectKey = 'weft.dev/inject'

/** What a pod may say to the injector about itself. */
export const annotations = {
  inject: injectKey,
  excludeInboundPorts: 'weft.dev/exclude-inbound-ports',
  excludeOutboundPorts: 'weft.dev/exclude-outbound-ports',
  excludeOutboundCidrs: 'weft.dev/exclude-outbound-cidrs',
  logLevel: 'weft.dev/log-level',
  cpuRequest: 'weft.dev/proxy-cpu-request',
  cpuLimit: 'weft.dev/proxy-cpu-limit',
  memoryRequest: 'weft.dev/proxy-memory-request',
  memoryLimit: 'weft.dev/proxy-memory-limit',
} as const

export interface UnknownAnnotation {
  readonly key: string
  /** The known one that was most likely meant. */
  readonly nearest: string | undefined
}

/** The keys under weft's prefix that weft does not know: most likely a slip of the pen that would change nothing. */
export function unknownAnnotations(keys: readonly string[]): readonly UnknownAnnotation[] {
  const known: readonly string[] = Object.values(annotations)
  const ends = known.map((key) => key.slice(annotationPrefix.length))
  return keys
    .filter((key) => key.startsWith(annotationPrefix) && !known.includes(key))
    .map((key) => {
      // Compared without the prefix, which would make any two of them look alike.
      const nearest = nearestName(key.slice(annotationPrefix.length), ends)
      return { key, nearest: nearest === undefined ? undefined : annotationPrefix + nearest }
    })
}
