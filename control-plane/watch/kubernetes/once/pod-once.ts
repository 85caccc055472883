import { parseCidr } from '#mesh/address.ts'
import { injectKey } from '#mesh/annotations.ts'
import { type Exclusions, exclusionVariables, parseExcludedPort } from '#mesh/exclusions.ts'
import { initName, isForWindows, type SystemWanted } from '#mesh/injected.ts'
import type { Kind, RawObject } from '../list-watch/kind.ts'
import { type Pod, pods, trimPod } from '../objects/pod.ts'

/** A pod with what no other pod's sidecar is told of it. */
export interface PodOnce extends Pod {
  /** What its immutable spec has redirection leave alone, whatever its annotations say by now. */
  readonly exclusions: Exclusions
  /** Whether it can only run on Windows. */
  readonly forWindows: boolean
  /** Whether it says itself that it is to be in the mesh, or out of it. */
  readonly asks: 'in' | 'out' | undefined
}

export const podsOnce: Kind<PodOnce> = {
  ...pods,
  trim(object) {
    const pod = trimPod(object)
    const { spec = {} } = object as RawPod
    return (
      pod && { ...pod, exclusions: exclusionsOf(spec), forWindows: isForWindows(spec), asks: asks(object) }
    )
  },
}

interface RawPod extends RawObject {
  readonly metadata: RawObject['metadata'] & {
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec?: RawSpec
}

interface RawSpec extends SystemWanted {
  readonly initContainers?: readonly RawContainer[]
}

interface RawContainer {
  readonly name: string
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
}

function exclusionsOf({ initContainers }: RawSpec): Exclusions {
  const init = initContainers?.find(({ name }) => name === initName)
  const items = <T>(variable: string, parse: (text: string) => T | undefined): T[] => {
    const text = init?.env?.find(({ name }) => name === variable)?.value ?? ''
    return text.split(',').flatMap((item) => parse(item.trim()) ?? [])
  }
  return {
    inboundPorts: items(exclusionVariables.inboundPorts, parseExcludedPort),
    outboundPorts: items(exclusionVariables.outboundPorts, parseExcludedPort),
    outboundRanges: items(exclusionVariables.outboundRanges, parseCidr),
  }
}

function asks({ metadata }: RawObject): PodOnce['asks'] {
  const { labels, annotations } = metadata as RawPod['metadata']
  const said = labels?.[injectKey] ?? annotations?.[injectKey]
  return said === undefined ? undefined : said === 'false' ? 'out' : 'in'
}
