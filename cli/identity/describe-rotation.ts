import type { RootStatus, RotationStatus, WaitStatus } from '#mesh/rotation-status.ts'
import { formatDuration } from '../proxy/quantities.ts'
import { fields } from '../table.ts'

/** The whole status for people; `now` in milliseconds since 1970. */
export function describeRotation(status: RotationStatus, now: number): string {
  const { phase, since, roots, issuer, serving, followers, graceEnds, leftBehind } = status
  const underOld = phase === 'reissuing' || phase === 'retiring'
  return fields([
    ['phase', `${phase}, for ${age(since, now)}: ${meanings[phase]}`],
    ...roots.map((root) => [rolesInWords[root.role], describeRoot(root, now)] as const),
    ['issuer', life(issuer, now)],
    ['control plane', life(serving, now)],
    [
      'sidecars',
      followers &&
        `${followers.acknowledged} of ${followers.total} know every root` +
          (followers.connected < followers.total
            ? `, ${followers.total - followers.connected} not connected`
            : ''),
    ],
    ['under the old root', underOld && followers ? describeOld(followers) : undefined],
    ...status.waits.map((wait, i) => [i === 0 ? 'waits for' : '', describeWait(wait, now)] as const),
    [
      'went on without',
      leftBehind.count > 0 ? named(leftBehind.names, leftBehind.count, 'what is named here') : undefined,
    ],
    ['grace', graceEnds && `the old root goes in ${until(graceEnds, now)} at the latest`],
  ])
}

/** One line a state, for those who follow. */
export function describeProgress(status: RotationStatus, now: number): string {
  const { phase, waits } = status
  const rest = waits.map((wait) => describeWait(wait, now))
  return [`${phase}: ${meanings[phase]}`, ...(rest.length > 0 ? [`waits for ${rest.join('; ')}`] : [])].join(
    '\n  ',
  )
}

/** Enough of a fingerprint to tell roots apart. */
export function short(fingerprint: string): string {
  return fingerprint.slice(0, 12)
}

const meanings: Readonly<Record<RotationStatus['phase'], string>> = {
  stable: 'one root, under which everything is signed',
  spreading: 'the next root is made known to everybody; the present one signs',
  reissuing: 'the new root signs, and certificates under the old one are replaced',
  retiring: 'nothing is signed under the old root; what is connected under it may end by itself',
}

const rolesInWords: Readonly<Record<RootStatus['role'], string>> = {
  signing: 'root that signs',
  next: 'next root',
  old: 'old root',
}

function describeRoot({ fingerprint, notAfter, plugged }: RootStatus, now: number): string {
  return `${short(fingerprint)}, ${plugged ? 'plugged in, ' : ''}${life(notAfter, now)}`
}

function describeOld({ certificatesUnderOld, tunnelsUnderOld }: NonNullable<RotationStatus['followers']>) {
  return `certificates of ${pods(certificatesUnderOld)}, live tunnels of ${pods(tunnelsUnderOld)}`
}

function describeWait({ kind, names, count, until: end }: WaitStatus, now: number): string {
  const limit = end === undefined ? '' : ` (${until(end, now)} at most)`
  switch (kind) {
    case 'time':
      return `mounted files to follow (another ${until(end ?? '', now)})`
    case 'issuer':
      return 'an issuer under the new root'
    case 'bundle':
      return `the roots to be written: ${named(names, count, 'places')}${limit}`
    case 'acknowledgement':
      return `the roots to be acknowledged by ${named(names, count, 'pods')}${limit}`
    case 'renewal':
      return `a new certificate of ${named(names, count, 'pods')}${limit}`
    case 'connection':
      return `word of ${named(names, count, 'pods')}${limit}`
    case 'tunnels':
      return `live tunnels to end at ${named(names, count, 'pods')}${limit}`
  }
}

function named(names: readonly string[], count: number, what: string): string {
  if (count <= names.length) return names.join(', ')
  return `${count} ${what}, among them ${names.join(', ')}`
}

function pods(count: number): string {
  return count === 1 ? '1 pod' : `${count} pods`
}

function life(notAfter: string, now: number): string {
  return `good for another ${until(notAfter, now)}`
}

function until(time: string, now: number): string {
  return formatDuration((Date.parse(time) - now) / 1_000)
}

function age(time: string, now: number): string {
  return formatDuration((now - Date.parse(time)) / 1_000)
}
