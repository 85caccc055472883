/**
 * The pod UID in a token that the control plane of this machine wrote; undefined when it holds none. The signature is not
 * looked at: whoever can write there can write the request as well.
 */
export function podUidOf(token: string): string | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      'kubernetes.io'?: { pod?: { uid?: unknown } }
    }
    const uid = claims['kubernetes.io']?.pod?.uid
    return typeof uid === 'string' ? uid : undefined
  } catch {
    return undefined
  }
}
