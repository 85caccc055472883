import { TokenRefused, type TokenVerifier } from '../tokens.ts'

/** Accepts what another verifier does, but for the tokens of revoked pods. */
export function refuseRevoked(
  verifier: TokenVerifier,
  isRevoked: (podUid: string) => boolean,
): TokenVerifier {
  return {
    async verify(token, peerAddress) {
      const caller = await verifier.verify(token, peerAddress)
      const { namespace, podName, podUid } = caller
      if (!isRevoked(podUid)) return caller
      throw new TokenRefused('pod_revoked', `pod ${namespace}/${podName} (${podUid}) is revoked`)
    },
  }
}
