import type { KeyObject } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import * as v from 'valibot'
import { type Caller, TokenRefused } from '../tokens.ts'

/** Whom the tokens are meant for: the control plane, on both of its services. */
export const audience = 'weft-ca'
const issuer = 'weft-control-plane'
const algorithm = 'ES256'
/** Characters; Kubernetes' own tokens are under 2 000. */
const tokenLimit = 8 * 1024

/** Makes a token of the shape that Kubernetes binds to a pod. Times in milliseconds since 1970. */
export async function signToken(
  caller: Caller,
  key: KeyObject,
  now: number,
  expires: number,
): Promise<string> {
  const { namespace, podName, podUid, serviceAccount } = caller
  const bound = { namespace, pod: { name: podName, uid: podUid }, serviceaccount: { name: serviceAccount } }
  return new SignJWT({ 'kubernetes.io': bound })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(`system:serviceaccount:${namespace}:${serviceAccount}`)
    .setIssuedAt(seconds(now))
    .setNotBefore(seconds(now))
    .setExpirationTime(seconds(expires))
    .sign(key)
}

/** Verifies signature, times, issuer and audience, and reads the caller. Rejects with TokenRefused. */
export async function readToken(token: string, key: KeyObject, now: number): Promise<Caller> {
  if (token.length > tokenLimit) {
    throw new TokenRefused('malformed', `the token has ${token.length} characters; at most ${tokenLimit}`)
  }
  const options = { algorithms: [algorithm], issuer, audience, currentDate: new Date(now) }
  const required = { requiredClaims: ['exp', 'nbf', 'iat', 'sub', 'kubernetes.io'] }
  const { payload } = await jwtVerify(token, key, { ...options, ...required }).catch((error: unknown) => {
    throw refusal(error)
  })
  return readCaller(payload['kubernetes.io'], payload.sub)
}

const name = v.pipe(v.string(), v.nonEmpty())
const boundClaim = v.object({
  namespace: name,
  pod: v.object({ name, uid: name }),
  serviceaccount: v.object({ name }),
})

function readCaller(claim: unknown, subject: string | undefined): Caller {
  const bound = v.safeParse(boundClaim, claim)
  if (!bound.success) throw new TokenRefused('malformed', 'the kubernetes.io claim binds the token to no pod')
  const { namespace, pod, serviceaccount } = bound.output
  if (subject !== `system:serviceaccount:${namespace}:${serviceaccount.name}`) {
    throw new TokenRefused(
      'malformed',
      `the subject ${subject} is not the service account of the kubernetes.io claim`,
    )
  }
  return { namespace, podName: pod.name, podUid: pod.uid, serviceAccount: serviceaccount.name }
}

function refusal(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new TokenRefused('expired', 'the token has expired')
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return new TokenRefused('signature', 'the token is not signed by this control plane')
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud')
      return new TokenRefused('foreign_audience', `the token is not meant for ${audience}`)
    if (error.claim === 'iss') return new TokenRefused('foreign_issuer', 'the token is of another issuer')
    return new TokenRefused('malformed', `the claim ${error.claim} is missing or wrong: ${error.reason}`)
  }
  if (error instanceof errors.JOSEError) return new TokenRefused('malformed', error.message, { cause: error })
  return error
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1_000)
}
