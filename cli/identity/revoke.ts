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
import { checkedTimeout, checkedUid, type NamedPod, namedPod } from './pod-argument.ts'
import { type IdentityTarget, openTarget, type TargetChoice } from './target.ts'
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
  const waiting = `asked for in ${target.place}; waiting for the control plane`
  const status = await until(timeout, waiting, async () => {
    const { [revocationStatusKey(podUid)]: text } = await target.status()
    const said = text === undefined ? undefined : parseRevocationStatus(text)
    // What an earlier request led to says nothing of this one.
    return said?.at === revocation.at ? said : undefined
  })
  const inForce = status !== undefined
  const serials = status?.serials
  print(
    output,
    () => ({ ...documentOf(revocation), inForce, ...(serials !== undefined && { certificates: serials }) }),
    () => (inForce ? done(revocation, status.serials) : late(revocation, timeout)),
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
  const waiting = `taken back in ${target.place}; waiting for the control plane`
  const lifted = await until(timeout, waiting, async () => {
    const status = await target.status()
    return meant.every(({ podUid }) => status[revocationStatusKey(podUid)] === undefined) || undefined
  })
  const inForce = lifted !== undefined
  print(
    output,
    () => meant.map((revocation) => ({ ...documentOf(revocation), lifted: inForce })),
    () =>
      meant
        .map((revocation) => `${describe(revocation)} is ${inForce ? '' : 'to be '}revoked no longer`)
        .join('\n'),
  )
  return inForce ? 0 : 1
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

function late(revocation: Revocation, timeout: number): string {
  return (
    `${describe(revocation)} is to be revoked, but the control plane did not say within ${timeout / 1_000} s that it is: ` +
    'does it run? It will obey as soon as it reads the request'
  )
}

function noSuchPod({ namespace, pod }: NamedPod): Failure {
  const message = `there is no pod ${namespace}/${pod}: name one that is there, or give the --uid of one that is gone`
  return new Failure(`${command}: ${message}`, { status: 1 })
}
