import { X509Certificate } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sidecarUid } from '#mesh/ports.ts'
import type { RotationStatus } from '#mesh/rotation-status.ts'
import { controlPlaneUid } from '#test/harness/control-plane.ts'
import { documentedCommands, runDocumented } from '#test/harness/documented.ts'
import { Intruder } from '#test/harness/intruder.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { rotationReaches } from '#test/harness/rotation.ts'
import { Ticks } from '#test/harness/ticks.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

/** Seconds that certificates live, so that several renewals happen in the test. */
const lifetime = 10

/** The files of an enterprise, made by the very commands of docs/plugged-ca.md. */
class Enterprise implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'weft-enterprise-'))
  /** What the control plane looks at. */
  readonly file = join(this.folder, 'plugged')
  readonly passwordFile = join(this.folder, 'mesh.password')

  constructor() {
    runDocumented(documentedCommands('plugged-ca.md', 'With openssl'), this.folder)
    chmodSync(this.folder, 0o755)
    chownSync(this.passwordFile, controlPlaneUid, controlPlaneUid)
  }

  /** Puts a file in the place that the control plane looks at, whole. */
  plug(name: string): void {
    const next = join(this.folder, 'next')
    cpSync(join(this.folder, name), next)
    chownSync(next, controlPlaneUid, controlPlaneUid)
    renameSync(next, this.file)
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text)
  }

  /** Another authority for the mesh under the same policy, in a PEM file. */
  renew(name: string): void {
    const commands = documentedCommands('plugged-ca.md', 'With openssl')[0]!.split('\n\n').at(-1)!
    runDocumented(
      [
        commands.replaceAll('mesh.', `${name}.`).replace('Example Mesh', `Example ${name}`),
        `cat root.crt policy.crt ${name}.crt ${name}.key > ${name}.pem`,
      ],
      this.folder,
    )
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true })
  }
}

describe.skipIf(lacks('a plugged-in authority', 'openssl'))('an authority of somebody’s own', () => {
  let enterprise: Enterprise
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let oldest: Ticks

  beforeAll(async () => {
    enterprise = new Enterprise()
    enterprise.renew('second')
    enterprise.plug('mesh.p12')
    mesh = await startMesh({
      controlPlane: {
        WEFT_CERTIFICATE_LIFETIME: `${lifetime}s`,
        WEFT_CA_FILE: enterprise.file,
        WEFT_CA_PASSWORD_FILE: enterprise.passwordFile,
      },
    })
    ;[alice, bob] = await Promise.all([mesh.workload('alice'), mesh.workload('bob')])
    await bob.app('ticker', ['--port', '9000'])
    oldest = new Ticks(await alice.connect(`${bob.ip}:9000`))
  })

  afterAll(async () => {
    oldest?.[Symbol.dispose]()
    await mesh?.[Symbol.asyncDispose]()
    enterprise?.[Symbol.dispose]()
  })

  test('carries traffic by mutual TLS, as PKCS #12 with a password', async () => {
    await oldest.more(1)
    expect(await alice.sidecar.connections()).toContainEqual(
      expect.objectContaining({ security: 'mutual_tls' }),
    )
  })

  test('leaves its root alone in the trust bundle, and no key of a root anywhere', () => {
    const { trustBundle, stateDirectory } = mesh.controlPlane
    const root = readFileSync(join(enterprise.folder, 'root.crt'), 'utf8')
    expect(new X509Certificate(readFileSync(trustBundle)).raw).toEqual(new X509Certificate(root).raw)
    expect(readFileSync(trustBundle, 'utf8').match(/BEGIN/g)).toHaveLength(1)
    expect(readFileSync(join(stateDirectory, 'root.json'), 'utf8')).not.toContain('PRIVATE KEY')
  })

  test('is what openssl sees in a handshake, and verifies up to the root', async () => {
    const root = join(enterprise.folder, 'root.crt')
    const show = `openssl s_client -connect ${bob.ip}:15008 -showcerts -CAfile ${root} </dev/null 2>&1 || true`
    const shown = await alice.run(['sh', '-c', show], { uid: sidecarUid })
    const subjects = [...shown.matchAll(/^ \d s:(.*)$/gm)].map(([, subject]) => subject)
    expect(subjects).toEqual(['', 'O = Example, CN = Example Mesh', 'O = Example, CN = Example Policy'])
    expect(shown).toContain('Verify return code: 0 (ok)')
  })

  test('signs every renewal', async () => {
    await renewed(2)
    await oldest.more(1)
    expect(await issuerOf(alice)).toBe('O=Example\nCN=Example Mesh')
  })

  test('stays when something broken is put in its place', async () => {
    enterprise.write('broken', readFileSync(join(enterprise.folder, 'mesh.pem'), 'utf8').slice(0, 2_000))
    enterprise.plug('broken')
    await told('a PEM block in it does not end as it begins: copy it whole')
    expect(await mesh.controlPlane.metrics()).toMatch(/^weft_plugged_ca_rejected 1$/m)
    expect(await issuerOf(alice)).toBe('O=Example\nCN=Example Mesh')
    await renewed(1)
    await oldest.more(1)
  })

  test('stays over a restart that finds something broken', async () => {
    await mesh.controlPlane.stop()
    await mesh.controlPlane.start()
    await renewed(1)
    expect(await issuerOf(bob)).toBe('O=Example\nCN=Example Mesh')
    await oldest.more(1)
  })

  test('is replaced at once by another one under its root, as PEM', async () => {
    enterprise.plug('second.pem')
    await until(
      'the second one to sign',
      async () => (await issuerOf(alice)) === 'O=Example\nCN=Example second',
    )
    expect(await mesh.controlPlane.metrics()).toMatch(/^weft_plugged_ca_rejected 0$/m)
    // Whoever has a certificate of the first one is believed, and whoever comes anew as well.
    await oldest.more(1)
    using fresh = new Ticks(await alice.connect(`${bob.ip}:9000`))
    await fresh.more(1)
    const carol = await mesh.workload('carol')
    using later = new Ticks(await carol.connect(`${bob.ip}:9000`))
    await later.more(1)
    await renewed(2)
    await Promise.all([oldest.more(1), fresh.more(1), later.more(1)])
  })

  /** Resolves once both have renewed their certificates that many times from now. */
  async function renewed(times: number): Promise<void> {
    const begun = await Promise.all([alice, bob].map(renewals))
    const done = async () =>
      (await Promise.all([alice, bob].map(renewals))).every((n, i) => n >= begun[i]! + times)
    await until(`${times} renewals`, done, { timeout: times * lifetime * 1_000 + 10_000, interval: 250 })
  }

  /** The name of whoever signs for a pod now. */
  async function issuerOf(pod: Workload): Promise<string> {
    const { cert } = await new Intruder(mesh, pod).leaf()
    return new X509Certificate(cert).issuer
  }

  async function told(problem: string): Promise<void> {
    const isTold = () => mesh.controlPlane.log.some((record) => record['problem'] === problem)
    await until(`the control plane to say "${problem}"`, isTold, { timeout: 10_000 })
  }
})

describe.skipIf(lacks('a plugged-in authority', 'openssl'))('another root', () => {
  let enterprises: readonly [Enterprise, Enterprise]
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  /** Changed before the control plane is started again. */
  const env: Record<string, string> = { WEFT_ROTATION_DWELL: '2s', WEFT_ROTATION_LIMIT: '1m' }

  beforeAll(async () => {
    enterprises = [new Enterprise(), new Enterprise()]
    mesh = await startMesh({ controlPlane: env, sidecars: { WEFT_RENEWAL_SPREAD: '1s' } })
    ;[alice, bob] = await Promise.all([mesh.workload('alice'), mesh.workload('bob')])
    await bob.app('ticker', ['--port', '9000'])
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
    for (const enterprise of enterprises ?? []) enterprise[Symbol.dispose]()
  })

  test('comes with the first authority that is plugged in, and no connection is lost', async () => {
    const [enterprise] = enterprises
    enterprise.plug('mesh.p12')
    env['WEFT_CA_FILE'] = enterprise.file
    env['WEFT_CA_PASSWORD_FILE'] = enterprise.passwordFile
    await followed(enterprise, async () => {
      await mesh.controlPlane.stop()
      await mesh.controlPlane.start()
    })
  }, 120_000)

  test('comes with an authority of somebody else, and no connection is lost', async () => {
    const [first, second] = enterprises
    cpSync(join(second.folder, 'mesh.pem'), join(first.folder, 'other.pem'))
    await followed(second, () => first.plug('other.pem'))
  }, 120_000)

  /** Has the mesh go over to the root of an enterprise, under a connection that is older than that. */
  async function followed({ folder }: Enterprise, change: () => void | Promise<void>): Promise<void> {
    const root = new X509Certificate(readFileSync(join(folder, 'root.crt')))
    const fingerprint = root.fingerprint256.replaceAll(':', '').toLowerCase()
    const isSigning = ({ roots }: RotationStatus) => roots[0]?.fingerprint === fingerprint
    using old = new Ticks(await alice.connect(`${bob.ip}:9000`))
    await old.more(1)
    await change()
    await rotationReaches(mesh.controlPlane, 'retiring', { timeout: 60_000 }, isSigning)
    // The connection from before is what the old root stays for.
    await old.more(1)
    using fresh = new Ticks(await alice.connect(`${bob.ip}:9000`))
    await fresh.more(1)
    old[Symbol.dispose]()
    await rotationReaches(mesh.controlPlane, 'stable', { timeout: 60_000 }, isSigning)
    await fresh.more(1)
    expect(new X509Certificate(readFileSync(mesh.controlPlane.trustBundle)).raw).toEqual(root.raw)
    expect(readFileSync(mesh.controlPlane.trustBundle, 'utf8').match(/BEGIN/g)).toHaveLength(1)
    const { cert } = await new Intruder(mesh, alice).leaf()
    expect(new X509Certificate(cert).issuer).toBe('O=Example\nCN=Example Mesh')
  }
})

function renewals(pod: Workload): Promise<number> {
  return pod.sidecar.metric('weft_certificate_renewals_total')
}
