import type { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { bitString, boolean, integer, objectIdentifier, sequence } from '../der.ts'
import { exportKey } from '../keys.ts'
import { hasOpenssl } from '../testing/openssl.ts'
import { readPluggedCa } from './plugged-ca.ts'
import { type AuthorityOptions, authority, pemOf, wholePem } from './testing/enterprise.ts'
import { exportPkcs12, openssl } from './testing/pkcs12.ts'

const hour = 3_600_000
const root = authority('Root', undefined, { key: 'P-384' })
const policy = authority('Policy', root, { key: 'RSA-2048' })
const mesh = authority('Mesh', policy)

function read(content: string | Uint8Array, password = '', now = Date.now()) {
  return readPluggedCa({ content: Buffer.from(content), password }, { now, lifetime: 24 * hour })
}

const serials = (certificates: readonly X509Certificate[]) => certificates.map((each) => each.serialNumber)

async function expectMesh(content: string | Uint8Array, password = ''): Promise<void> {
  const { signer, root: top, warnings } = await read(content, password)
  expect(signer.certificate.serialNumber).toBe(mesh.certificate.serialNumber)
  expect(signer.certificate.checkPrivateKey(signer.privateKey)).toBe(true)
  expect(serials(signer.issuers)).toEqual(serials([policy.certificate, root.certificate]))
  expect(top.serialNumber).toBe(root.certificate.serialNumber)
  expect(warnings).toEqual([])
}

describe('PEM', () => {
  const certificates = [mesh.certificate, policy.certificate, root.certificate]
  const key = mesh.privateKey

  test('is read whatever the order, and whatever stands between', async () => {
    await expectMesh(wholePem(mesh))
    await expectMesh(certificates.toReversed().map(String).join('subject=CN = x\n\n') + exportKey(key))
    await expectMesh(wholePem(mesh).replaceAll('\n', '\r\n'))
    await expectMesh(`${wholePem(mesh)}${certificates.map(String).join('')}`)
  })

  test.each([
    ['SEC 1', mesh, 'sec1'],
    ['PKCS #1', policy, 'pkcs1'],
  ] as const)('may have the key as %s', async (_, signer, type) => {
    const text = signer.privateKey.export({ type, format: 'pem' }).toString()
    const { signer: found } = await read(text + [signer.certificate, ...signer.issuers].map(String).join(''))
    expect(found.certificate.checkPrivateKey(found.privateKey)).toBe(true)
  })

  test('may have the key encrypted', async () => {
    const rest = certificates.map(String).join('')
    const cipher = { cipher: 'aes-256-cbc', passphrase: 'pass wörd' }
    await expectMesh(key.export({ type: 'pkcs8', format: 'pem', ...cipher }) + rest, 'pass wörd')
    await expectMesh(key.export({ type: 'sec1', format: 'pem', ...cipher }) + rest, 'pass wörd')
    for (const type of ['pkcs8', 'sec1'] as const) {
      const text = key.export({ type, format: 'pem', ...cipher }) + rest
      await expect(read(text)).rejects.toThrow('is encrypted, and no password was given')
      await expect(read(text, 'another')).rejects.toThrow(/the password does not open/)
    }
  })

  test.each<[string, string, string]>([
    ['nothing', '', 'neither PEM nor PKCS #12'],
    [
      'no key',
      [mesh, policy, root].map((each) => each.certificate).join(''),
      'there is no private key in it',
    ],
    ['no certificate', exportKey(key), 'there is no certificate in it'],
    ['two keys', wholePem(mesh) + exportKey(root.privateKey), 'there are 2 private keys in it'],
    ['another key', pemOf(authority('Other'), ...certificates), 'that of none of its certificates'],
    ['half a block', wholePem(mesh).slice(0, -40), 'does not end as it begins'],
    [
      'a damaged certificate',
      wholePem(mesh).replace('CERTIFICATE-----\nMII', 'CERTIFICATE-----\nMIJ'),
      'a certificate in it cannot be read',
    ],
    [
      'a damaged key',
      wholePem(mesh).replace('KEY-----\nMIG', 'KEY-----\nMIH'),
      'a private key in it cannot be read',
    ],
    [
      'a key of OpenSSH',
      wholePem(mesh).replaceAll('PRIVATE KEY', 'OPENSSH PRIVATE KEY'),
      '"OPENSSH PRIVATE KEY" is no form',
    ],
    ['far too much', wholePem(mesh) + ' '.repeat(300_000), 'is the most that is read'],
  ])('with %s is refused', async (_, text, message) => {
    await expect(read(text)).rejects.toThrow(message)
  })
})

describe.runIf(hasOpenssl)('PKCS #12', () => {
  const password = 'pass wörd €'
  const tripleDes = ['-certpbe', 'PBE-SHA1-3DES', '-keypbe', 'PBE-SHA1-3DES']

  test.each<[string, string, readonly string[]]>([
    ['as OpenSSL 3 writes it', password, []],
    ['with triple DES and SHA-1, as older software does', password, [...tripleDes, '-macalg', 'sha1']],
    ['with AES-128', password, ['-certpbe', 'AES-128-CBC', '-keypbe', 'AES-128-CBC']],
    ['with PBES2 and triple DES', password, ['-certpbe', 'DES-EDE3-CBC', '-keypbe', 'DES-EDE3-CBC']],
    ['with certificates in the open', password, ['-certpbe', 'NONE']],
    ['with everything in the open but vouched for', password, ['-certpbe', 'NONE', '-keypbe', 'NONE']],
    ['with SHA-512 and many rounds', password, ['-macalg', 'sha512', '-iter', '20000']],
    ['with one round', password, ['-noiter', '-nomaciter']],
    ['without a password', '', []],
    ['without a password, with triple DES', '', tripleDes],
  ])('is read %s', async (_, written, args) => {
    await expectMesh(exportPkcs12(mesh, written, args), written)
  })

  test('is read with an RSA key', async () => {
    const { signer } = await read(exportPkcs12(policy, password), password)
    expect(signer.certificate.checkPrivateKey(signer.privateKey)).toBe(true)
    expect(serials(signer.issuers)).toEqual(serials([root.certificate]))
  })

  test.each([[[]], [tripleDes]])('is opened by its own password alone (%s)', async (args) => {
    const container = exportPkcs12(mesh, password, args)
    await expect(read(container, 'another')).rejects.toThrow('the password does not open it')
    await expect(read(container)).rejects.toThrow('protected by a password, and none was given')
  })

  test.each<[string, readonly string[], string | RegExp]>([
    [
      'RC2',
      ['-legacy'],
      /encrypted with 40-bit RC2, which weft does not read: export it again with "openssl pkcs12/,
    ],
    ['no MAC', ['-nomac'], 'it has no MAC'],
    ['RC4', ['-legacy', '-keypbe', 'PBE-SHA1-RC4-128', '-certpbe', 'NONE'], 'encrypted with 128-bit RC4'],
    [
      'Camellia',
      ['-certpbe', 'CAMELLIA-256-CBC'],
      'encrypted with 1.2.392.200011.61.1.1.1.4, which weft does not read',
    ],
  ])('with %s is refused by name', async (_, args, message) => {
    await expect(read(exportPkcs12(mesh, password, args), password)).rejects.toThrow(message)
  })

  test('is read again after the commands that the refusal names', async () => {
    const old = exportPkcs12(mesh, 'secret', ['-legacy'])
    const pem = openssl(['pkcs12', '-legacy', '-in', 'old', '-nodes', '-passin', 'pass:secret'], { old })
    const next = openssl(['pkcs12', '-export', '-in', 'pem', '-passout', 'pass:secret'], { pem })
    await expectMesh(next, 'secret')
  })

  test('with one bit changed is refused, or says the same', async () => {
    const container = exportPkcs12(mesh, 'x', ['-noiter', '-nomaciter'])
    for (let at = 0; at < container.length; at += 7) {
      const changed = Buffer.from(container)
      changed[at] = changed[at]! ^ 0x04
      await read(changed, 'x').then(
        ({ signer }) => expect(signer.certificate.serialNumber).toBe(mesh.certificate.serialNumber),
        (error: Error) => expect(error.name).toBe('PluggedCaRefused'),
      )
    }
  })

  test('is opened without a word of the password in any message', async () => {
    const refused = read(exportPkcs12(mesh, 'first secret'), 'second secret')
    await expect(refused).rejects.toThrow(/^(?!.*(first|second) secret)/)
  })
})

describe('a path', () => {
  test('is found among certificates that have nothing to do with it, which is told', async () => {
    const stranger = authority('Stranger')
    const { signer, root: top, warnings } = await read(wholePem(mesh) + stranger.certificate.toString())
    expect(serials(signer.issuers)).toEqual(serials([policy.certificate, root.certificate]))
    expect(top.serialNumber).toBe(root.certificate.serialNumber)
    expect(warnings).toEqual([
      expect.stringMatching(/Stranger" is not on its way to the root, and is not used/),
    ])
  })

  test('is not found through an authority of the same name with another key', async () => {
    const impostor = authority('Policy', authority('Root'))
    const text = pemOf(mesh, mesh.certificate, impostor.certificate, ...impostor.issuers)
    await expect(read(text)).rejects.toThrow(
      /there is no root above "O=Example, CN=Mesh": add the certificate of "O=Example, CN=Policy"/,
    )
  })

  test('is the shorter one where there are two, and the other root is not trusted', async () => {
    const elder = authority('Elder')
    // The elder root vouches for the younger one's key.
    const crossed = authority('Root', elder, { key: root.privateKey })
    const text = wholePem(mesh) + [crossed, elder].map((each) => each.certificate).join('')
    const { signer, root: top, warnings } = await read(text)
    expect(serials(signer.issuers)).toEqual(serials([policy.certificate, root.certificate]))
    expect(top.serialNumber).toBe(root.certificate.serialNumber)
    expect(warnings).toHaveLength(2)
  })

  test('needs a root', async () => {
    const text = pemOf(mesh, mesh.certificate, policy.certificate)
    await expect(read(text)).rejects.toThrow(
      /there is no root above "O=Example, CN=Mesh": add the certificate of "O=Example, CN=Root"/,
    )
  })

  test('may be none at all: a root that signs by itself is told', async () => {
    const { signer, root: top, warnings } = await read(wholePem(root))
    expect([signer.issuers.length, top.serialNumber]).toEqual([0, root.certificate.serialNumber])
    expect(warnings).toEqual([expect.stringMatching(/is a root: give weft an authority below it/)])
  })

  test('begins at the newer of two certificates of one key, or at the one that is good', async () => {
    const newer = authority('Mesh', policy, { key: mesh.privateKey, notAfter: Date.now() + 20_000 * hour })
    const both = [newer, mesh].map((each) => each.certificate.toString()).join('')
    const rest = mesh.issuers.map(String).join('')
    const found = await read(exportKey(mesh.privateKey) + both + rest)
    expect(found.signer.certificate.serialNumber).toBe(newer.certificate.serialNumber)
    const early = { key: mesh.privateKey, notAfter: Date.now() + 30_000 * hour, notBefore: Date.now() + hour }
    const notYet = authority('Mesh', policy, early)
    await expectMesh(wholePem(mesh) + notYet.certificate.toString())
  })
})

describe('an authority', () => {
  const flags = (byte: number) => bitString(Uint8Array.of(byte))
  const constraints = (pathLength: number) => sequence(boolean(true), integer(Uint8Array.of(pathLength)))
  const purposes = (...of: readonly string[]) => sequence(...of.map(objectIdentifier))

  test.each<[string, AuthorityOptions, RegExp]>([
    ['that is none', { extensions: { basicConstraints: sequence() } }, /is no certificate of an authority/],
    [
      'that may not sign certificates',
      { extensions: { keyUsage: flags(0x80) } },
      /may not sign certificates: ask for one with the key usage keyCertSign/,
    ],
    [
      'for servers alone',
      { extensions: { extendedKeyUsage: purposes('1.3.6.1.5.5.7.3.1') } },
      /limits what its certificates are for/,
    ],
    ['that has ended', { notAfter: Date.now() - 1_000 }, /ended at .*: put a new one in its place/],
    [
      'that has not begun',
      { notBefore: Date.now() + hour },
      /is not valid before .*: wait, or set the clock/,
    ],
    ['with a weak RSA key', { key: 'RSA-1024' }, /has an RSA key of 1024 bits: use RSA of 2048 bits or more/],
  ])('%s is refused, wherever it stands', async (_, options, message) => {
    await expect(read(wholePem(authority('Bad', root, options)))).rejects.toThrow(message)
    await expect(read(wholePem(authority('Good', authority('Bad', root, options))))).rejects.toThrow(message)
  })

  test.each([
    ['secp256k1', /has a key on the curve secp256k1/],
    ['Ed25519', /has a key of the kind ed25519/],
  ] as const)('with a key of %s is refused', async (key, message) => {
    await expect(read(wholePem(authority('Bad', root, { key })))).rejects.toThrow(message)
  })

  test('may have a path length of nothing, and one above it has to leave room for it', async () => {
    const last = authority('Last', policy, { extensions: { basicConstraints: constraints(0) } })
    expect((await read(wholePem(last))).warnings).toEqual([])
    const under = authority('Under', last)
    await expect(read(wholePem(under))).rejects.toThrow(
      /Last" allows 0 authorities below it, and there are 1: ask for a path length of 1 or more/,
    )
  })

  test('with several faults has all of them told', async () => {
    const bad = authority('Bad', root, { key: 'RSA-1024', notAfter: Date.now() - 1_000 })
    await expect(read(wholePem(bad))).rejects.toThrow(/ended at .*; .*RSA key of 1024 bits/)
  })

  test('that ends before its certificates would is used, and told', async () => {
    const short = authority('Short', root, { notAfter: Date.now() + hour })
    const { warnings } = await read(wholePem(short))
    expect(warnings).toEqual([
      expect.stringMatching(/its chain ends at .*, and so does every certificate that it signs/),
    ])
  })

  test.runIf(hasOpenssl)('signed with SHA-1 is refused', async () => {
    const files = {
      key: exportKey(mesh.privateKey),
      ca: root.certificate.toString(),
      cakey: exportKey(root.privateKey),
    }
    const request = openssl(['req', '-new', '-key', 'key', '-subj', '/CN=Old'], files)
    const config = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n'
    const args = [
      'x509',
      '-req',
      '-sha1',
      '-in',
      'request',
      '-CA',
      'ca',
      '-CAkey',
      'cakey',
      '-extfile',
      'config',
    ]
    const old = openssl(args, { ...files, request, config }).toString()
    await expect(read(exportKey(mesh.privateKey) + old + root.certificate)).rejects.toThrow(
      /"CN=Old" is signed with SHA-1: ask for one signed with SHA-256 or better/,
    )
  })
})
