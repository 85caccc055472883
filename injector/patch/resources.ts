import type { Resources } from '../decide/options.ts'

/** The resources of a container of weft's, as Kubernetes writes them. */
export function containerResources({ cpuRequest, cpuLimit, memoryRequest, memoryLimit }: Resources): unknown {
  return {
    requests: amounts(cpuRequest, memoryRequest),
    limits: amounts(cpuLimit, memoryLimit),
  }
}

function amounts(cpu: string | undefined, memory: string | undefined) {
  return { ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) }
}
