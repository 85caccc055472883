import type { ApiClient } from '../../watch/kubernetes/api/client.ts'
import { type Caller, TokenRefused } from '../tokens.ts'

/** Who a token has to be meant for. */
export const audience = 'weft-ca'
/** Characters; the API server's own take about 1 000. */
const tokenLimit = 16_384

/**
 * Has the API server judge a token, which must be bound to a pod. Rejects with TokenRefused when it is not accepted,
 * and with any other error when it cannot be judged now.
 */
export async function reviewToken(client: ApiClient, token: string): Promise<Caller> {
  if (token.length > tokenLimit)
    throw new TokenRefused('malformed', `the token has ${token.length} characters`)
  const review = (await client.request({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [audience] },
    },
    timeout: 10_000,
  })) as TokenReview
  const { authenticated, audiences = [], user, error } = review.status ?? {}
  if (authenticated !== true)
    throw new TokenRefused('not_authenticated', error || 'Kubernetes does not accept it')
  // An API server that knows nothing of audiences accepts every token and names none.
  if (!audiences.includes(audience)) {
    throw new TokenRefused('foreign_audience', `the token is meant for ${audiences.join(', ') || 'nobody'}`)
  }
  return callerOf(user)
}

interface TokenReview {
  readonly status?: {
    readonly authenticated?: boolean
    readonly audiences?: readonly string[]
    readonly error?: string
    readonly user?: User
  }
}

interface User {
  readonly username?: string
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

function callerOf({ username = '', extra = {} }: User = {}): Caller {
  const [, namespace, serviceAccount] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? []
  if (namespace === undefined || serviceAccount === undefined) {
    throw new TokenRefused(
      'malformed',
      `the token is of ${username || 'nobody'}, which is no service account`,
    )
  }
  const podName = single(extra['authentication.kubernetes.io/pod-name'])
  const podUid = single(extra['authentication.kubernetes.io/pod-uid'])
  if (podName === undefined || podUid === undefined) {
    throw new TokenRefused('malformed', `the token of ${namespace}/${serviceAccount} is not bound to a pod`)
  }
  return { namespace, podName, podUid, serviceAccount }
}

function single(values: readonly string[] | undefined): string | undefined {
  return values?.length === 1 ? values[0] : undefined
}
