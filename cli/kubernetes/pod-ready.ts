import type { V1Pod } from '@kubernetes/client-node'

/** Whether a pod says of itself that it is ready. */
export function isPodReady({ status }: V1Pod): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}
