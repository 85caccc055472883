import { readPluggedCa } from '#control-plane/authority/plugged/plugged-ca.ts'
import { PluggedCaRefused } from '#control-plane/authority/plugged/refusal.ts'
import { authority, wholePem } from '#control-plane/authority/plugged/testing/enterprise.ts'
import { exportPkcs12 } from '#control-plane/authority/plugged/testing/pkcs12.ts'
import { check, type Target } from '../target.ts'

const password = 'x'
/** After the kept inputs were made, and before they end. */
const now = Date.UTC(2026, 11, 1)

/** Whatever is plugged in as a certificate authority: it is used whole, or refused by a sentence. */
async function run(input: Buffer): Promise<string> {
  try {
    const { signer, root } = await readPluggedCa({ content: input, password }, { now, lifetime: 86_400_000 })
    check(signer.certificate.checkPrivateKey(signer.privateKey), 'certificate and key belong together')
    check((signer.issuers.at(-1) ?? signer.certificate) === root, 'the root is above it')
    return `read with ${signer.issuers.length} above it`
  } catch (error) {
    if (!(error instanceof PluggedCaRefused)) throw error
    check(!/-----|PRIVATE KEY\n/.test(error.message), 'no message has a key in it')
    // What is quoted is what the input says of itself.
    return error.message.replace(/"[^"]*"|\d+/g, '…').slice(0, 80)
  }
}

const mesh = () => authority('Mesh', authority('Root', undefined, { key: 'P-384' }))
/** A password is put through as many rounds as an input says, up to a million. */
const slowest = 20_000

const pem: Target = {
  name: 'plugged-ca-pem',
  slowest,
  seeds() {
    const signer = mesh()
    const cipher = { cipher: 'aes-128-cbc', passphrase: password }
    const encrypted = signer.privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }).toString()
    const sec1 = signer.privateKey.export({ type: 'sec1', format: 'pem' }).toString()
    const certificates = [signer.certificate, ...signer.issuers].map(String).join('')
    return [wholePem(signer), encrypted + certificates, sec1 + certificates].map((text) => Buffer.from(text))
  },
  words: [
    '-----BEGIN ',
    '-----END ',
    'CERTIFICATE-----',
    'PRIVATE KEY-----',
    'ENCRYPTED ',
    'EC ',
    '=',
    '\r\n',
  ],
  run,
}

const pkcs12: Target = {
  name: 'plugged-ca-pkcs12',
  slowest,
  seeds() {
    const once = ['-noiter', '-nomaciter']
    const tripleDes = ['-certpbe', 'PBE-SHA1-3DES', '-keypbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']
    const open = ['-certpbe', 'NONE', '-keypbe', 'NONE']
    return [once, [...once, ...tripleDes], [...once, ...open]].map((args) =>
      exportPkcs12(mesh(), password, args),
    )
  },
  words: ['30', '3080', '0000', 'a000', '2480', '0201', '0500', '06092a864886f70d010701', '84ffffffff'].map(
    (word) => Buffer.from(word, 'hex'),
  ),
  run,
}

export const pluggedCaTargets = [pem, pkcs12]
