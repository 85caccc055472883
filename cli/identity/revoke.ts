import {
  parseIdentityRequests,
  parseRevocationStatus,
  type Revocation,
  revocationEntry,
  revocationKey,
  revocationStatusKey,
} from '#mesh/identity-requests.ts'
import { Failure } from '../failure.ts'
import { type Output, print } from '../output.ts'
import { allObey, describeObeying, type Obeying, obeying } from './obeying.ts'
import { checkedTimeout, checkedUid, type NamedPod, namedPod } from './pod-argument.ts'
import { type Entries, type IdentityTarget, openTarget, type TargetChoice } from './target.ts'
import { until } from './until.ts'

const command = 'weft identity revoke'

export interface RevokeRequest {
  /** `NAME` or `NAMESPACE/NAME`. */
  readonly pod: string
  readonly namespace: string | undefined
  readonly uid: string | undefined
  readonly reason: string | undefined
  /** Lift it instead. */
  readonly undo: boolean
  /** As a duration: `30s`. */
  readonly timeout: string
  readonly output: Output
  readonly choice: TargetChoice
}

/** Asks for the revocation of a pod, or takes that back, and waits until it is so; answers the exit status. */
export async function revoke(request: RevokeRequest): Promise<number> {
  const named = namedPod(command, request.pod, request.namespace)
  const uid = request.uid === undefined ? undefined : checkedUid(command, request.uid)
  const timeout = checkedTimeout(command, request.timeout)
  const target = await openTarget(command, request.choice)
  const { output, reason } = request
  if (request.undo) return undo({ target, named, uid, timeout, output })

  const podUid = uid ?? (await target.podUid(named.namespace, named.pod))
  if (podUid === undefined) throw noSuchPod(named)
  const revocation = { ...named, podUid, at: Date.now(), ...(reason !== undefined && { reason }) }
  const [key, value] = revocationEntry(revocation)
  await target.write({ [key]: value })
  // What an earlier request led to says nothing of this one.
  const said = (status: Entries, replica: string | undefined) => {
    const text = status[revocationStatusKey(podUid, replica)]
    const parsed = text === undefined ? undefined : parseRevocationStatus(text)
    return parsed?.at === revocation.at ? parsed : undefined
  }
  let seen: Obeying | undefined
  const waiting = () =>
    `asked for in ${target.place}; ${describeObeying(seen) ?? 'waiting for the control plane'}`
  const serials = await until(timeout, waiting, async () => {
    const { status, replicas, ...now } = await obeying(target, (...of) => said(...of) !== undefined)
    seen = now
    if (!allObey(now)) return undefined
    return Math.max(...replicas.map((replica) => said(status, replica)?.serials ?? 0))
  })
  const inForce = serials !== undefined
  print(
    output,
    () => ({
      ...documentOf(revocation),
      inForce,
      ...(inForce && { certificates: serials }),
      ...waitedFor(seen),
    }),
    () => (inForce ? done(revocation, serials) : late(revocation, timeout, seen)),
  )
  return inForce ? 0 : 1
}

interface Undo {
  readonly target: IdentityTarget
  readonly named: NamedPod
  readonly uid: string | undefined
  readonly timeout: number
  readonly output: Output
}

/** Lifts every revocation of that name, or the one of that UID: a pod that is gone has no other way to be named. */
async function undo({ target, named, uid, timeout, output }: Undo): Promise<number> {
  const { revocations } = parseIdentityRequests(await target.requests()).requests
  const meant = [...revocations.values()].filter(({ podUid, namespace, pod }) => {
    return uid === undefined ? namespace === named.namespace && pod === named.pod : podUid === uid
  })
  if (meant.length === 0) {
    throw new Failure(`${command}: ${named.namespace}/${named.pod} is not revoked in ${target.place}`, {
      status: 1,
    })
  }
  await target.write(Object.fromEntries(meant.map(({ podUid }) => [revocationKey(podUid), null])))
  let seen: Obeying | undefined
  const waiting = () =>
    `taken back in ${target.place}; ${describeObeying(seen) ?? 'waiting for the control plane'}`
  const lifted = await until(timeout, waiting, async () => {
    seen = await obeying(target, (status, replica) =>
      meant.every(({ podUid }) => status[revocationStatusKey(podUid, replica)] === undefined),
    )
    return allObey(seen) || undefined
  })
  const inForce = lifted !== undefined
  const reason = describeObeying(seen)
  print(
    output,
    () => meant.map((revocation) => ({ ...documentOf(revocation), lifted: inForce, ...waitedFor(seen) })),
    () =>
      meant
        .map((revocation) =>
          inForce
            ? `${describe(revocation)} is revoked no longer`
            : `${describe(revocation)} is to be revoked no longer${reason === undefined ? '' : `: ${reason}`}`,
        )
        .join('\n'),
  )
  return inForce ? 0 : 1
}

/** Replicas that did not say that they obey, for programs. */
function waitedFor(seen: Obeying | undefined): object {
  return seen && seen.missing.length > 0 ? { waitingFor: seen.missing } : {}
}

function documentOf({ at, ...revocation }: Revocation): object {
  return { ...revocation, at: new Date(at).toISOString() }
}

function describe({ namespace, pod, podUid }: Revocation): string {
  return `pod ${namespace}/${pod} (${podUid})`
}

function done(revocation: Revocation, serials: number): string {
  const certificates = serials === 1 ? '1 certificate' : `${serials} certificates`
  return [
    `${describe(revocation)} is revoked: ${certificates} of it, and it gets no more`,
    ...(serials === 0
      ? ['if it was given one before the control plane kept serials, that one is good until it expires']
      : []),
    'other pods of its service account go on; a policy with action: Deny would cut off all of them',
  ].join('\n')
}

function late(revocation: Revocation, timeout: number, seen: Obeying | undefined): string {
  const asked = `${describe(revocation)} is to be revoked, but`
  const within = `within ${timeout / 1_000} s`
  const obeys = 'It will obey as soon as it reads the request'
  if (!seen || seen.missing.length === 0) {
    return `${asked} the control plane did not say ${within} that it is: does it run? ${obeys}`
  }
  const { said, of, missing } = seen
  return (
    `${asked} only ${said} of ${of} replicas of the control plane said ${within} that it is, and not ` +
    `${missing.join(', ')}: does it reach the API server? ${obeys}; until then the pod may get certificates from it, and ` +
    'sidecars that are connected to it go on with the pod'
  )
}

function noSuchPod({ namespace, pod }: NamedPod): Failure {
  const message = `there is no pod ${namespace}/${pod}: name one that is there, or give the --uid of one that is gone`
  return new Failure(`${command}: ${message}`, { status: 1 })
}
