import type { RawObject } from '../list-watch/kind.ts'

let version = 1

/** An object as an API server writes it, from `namespace/name` or a name alone. */
export function raw(
  key: string,
  fields: Record<string, unknown> = {},
  metadata: Record<string, unknown> = {},
): RawObject {
  const [name = '', namespace] = key.split('/').toReversed()
  const names = namespace === undefined ? { name } : { name, namespace }
  return {
    ...fields,
    metadata: { ...names, uid: `uid-of-${key}`, resourceVersion: String(version++), ...metadata },
  }
}

export interface RunningPod {
  readonly ip?: string
  readonly spec?: Record<string, unknown>
  readonly status?: Record<string, unknown>
  readonly metadata?: Record<string, unknown>
}

/** A ready pod of the mesh. */
export function rawPod(
  key: string,
  { ip = '10.244.0.5', spec, status, metadata }: RunningPod = {},
): RawObject {
  return raw(
    key,
    {
      spec: {
        serviceAccountName: 'cart',
        nodeName: 'node-a',
        initContainers: [{ name: 'weft-proxy', restartPolicy: 'Always' }],
        containers: [{ name: 'app' }],
        ...spec,
      },
      status: {
        phase: 'Running',
        podIP: ip,
        podIPs: [{ ip }],
        conditions: [{ type: 'Ready', status: 'True' }],
        ...status,
      },
    },
    metadata,
  )
}
