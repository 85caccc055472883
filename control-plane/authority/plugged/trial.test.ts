import { describe, expect, test } from 'vitest'
import { spiffeId } from '#mesh/spiffe-id.ts'
import type { Signer } from '../certificate.ts'
import { type Der, sequence, tagged, taggedBytes } from '../der.ts'
import { authority, type KeyKind } from './testing/enterprise.ts'
import { tryOut } from './trial.ts'

const names = {
  identity: spiffeId('cluster.local', 'weft-system', 'weft-control-plane')!,
  dnsNames: ['weft-control-plane.weft-system.svc'],
}

describe('the certificates of an authority are believed', () => {
  test.each<[KeyKind, KeyKind, KeyKind]>([
    ['P-256', 'P-256', 'P-256'],
    ['RSA-2048', 'P-384', 'P-256'],
    ['P-384', 'P-521', 'RSA-2048'],
    ['P-521', 'RSA-2048', 'P-384'],
  ])('whatever the keys: %s, %s, %s', async (...[top, middle, own]) => {
    const root = authority('Root', undefined, { key: top })
    const policy = authority('Policy', root, { key: middle })
    await tryOut(authority('Mesh', policy, { key: own }), names)
    await tryOut(root, names)
  })

  test('within constraints of names that leave room for them', async () => {
    await tryOut(constrained([uri('cluster.local'), dns('svc')]), names)
  })
})

describe('they are refused', () => {
  test.each<[string, readonly Der[]]>([
    ['another trust domain alone', [uri('example.org')]],
    ['hosts below the trust domain alone', [uri('.cluster.local')]],
    ['DNS names that are not the control plane’s', [dns('example.org')]],
  ])('under constraints that permit %s', async (_, permitted) => {
    await expect(tryOut(constrained(permitted), names)).rejects.toThrow(
      'name constraints in its chain exclude what it would sign: ask for a certificate that permits URIs of the host ' +
        'cluster.local, weft-control-plane.weft-system.svc',
    )
  })

  test('under a root that is not theirs', async () => {
    const signer = authority('Mesh', authority('Root'))
    const refused = tryOut({ ...signer, issuers: [authority('Root').certificate] }, names)
    await expect(refused).rejects.toThrow(/OpenSSL refuses what it signs: /)
  })
})

function constrained(permitted: readonly Der[]): Signer {
  const value = sequence(tagged(0, ...permitted.map((each) => sequence(each))))
  return authority('Mesh', authority('Root'), { extensions: { nameConstraints: value } })
}

function uri(host: string): Der {
  return taggedBytes(6, Buffer.from(host))
}

function dns(domain: string): Der {
  return taggedBytes(2, Buffer.from(domain))
}
