import type { ApiClient } from './client.ts'

/** A part of an object that this control plane decides; other parts stay whoever's they are. */
export interface Applied {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

/** Server-side apply as field manager `weft`. Makes the object when it is not there and the role allows it. */
export async function apply(client: ApiClient, path: string, object: Applied): Promise<void> {
  await client.request({
    method: 'PATCH',
    path,
    // What somebody else wrote into fields that are ours is taken back.
    query: { fieldManager: 'weft', force: 'true' },
    contentType: 'application/apply-patch+yaml',
    body: object,
  })
}

/** Tells people in `kubectl get` whose objects these are. */
export const ownLabels = {
  'app.kubernetes.io/part-of': 'weft',
  'app.kubernetes.io/managed-by': 'weft-control-plane',
}
