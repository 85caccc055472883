import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RotationStatus } from '#mesh/rotation-status.ts'
import { certificatesIn } from '#runtime/certificates.ts'
import { until } from '#test/harness/until.ts'
import { ready, weft } from './harness/installation.ts'
import { kubectl, read } from './harness/kubectl.ts'
import { pod } from './harness/manifests.ts'
import { Shop } from './harness/shop.ts'

const system = { namespace: 'weft-system' }
/** Sidecars and injector spread their renewals over minutes, which is most of what a rotation takes here. */
const longest = 10 * 60_000

let shop: Shop

beforeAll(async () => {
  shop = await Shop.open('rotated')
  await kubectl(['set', 'env', 'deployment/weft-control-plane', 'WEFT_ROTATION_DWELL=10s'], system)
  await kubectl(['scale', 'deployment/weft-control-plane', '--replicas=2'], system)
  await ready('weft-control-plane')
}, 180_000)
afterAll(async () => {
  await kubectl(['scale', 'deployment/weft-control-plane', '--replicas=1'], system)
  await kubectl(['set', 'env', 'deployment/weft-control-plane', 'WEFT_ROTATION_DWELL=2m'], system)
  await ready('weft-control-plane')
  await shop[Symbol.asyncDispose]()
}, 120_000)

describe('weft identity rotate', () => {
  test(
    'replaces the root under two replicas, which are killed meanwhile, and no request fails',
    async () => {
      const { client, server, namespace } = shop
      const before = await reaches('stable')
      await using load = client.start('load.ts', 'http://server/', String(longest / 1_000))
      await identity('rotate', '--no-wait')
      const spreading = await reaches('spreading')
      expect(spreading.roots.map(({ role }) => role)).toEqual(['signing', 'next'])
      await killControlPlane()
      const reissuing = await reaches('reissuing')
      expect(reissuing.roots[0]?.fingerprint).toBe(spreading.roots[1]?.fingerprint)
      expect(await bundleOf(namespace.name)).toEqual(reissuing.roots.map(({ fingerprint }) => fingerprint))
      await killControlPlane()
      const stable = await reaches('stable')
      expect(stable.leftBehind.count).toBe(0)
      expect(stable.roots).toHaveLength(1)
      expect(stable.roots[0]?.fingerprint).not.toBe(before.roots[0]?.fingerprint)
      load.end()
      const { good, failures } = await load.result<{ good: number; failures: string[] }>()
      expect(failures).toEqual([])
      expect(good).toBeGreaterThan(100)
      for (const each of [client, server]) expect(await each.restarts()).toBe(0)
    },
    2 * longest,
  )

  test('leaves the new root alone in every place, and pods are made as ever', async () => {
    const [{ fingerprint }] = (await reaches('stable')).roots as [RotationStatus['roots'][number]]
    expect(await bundleOf(shop.namespace.name)).toEqual([fingerprint])
    const { webhooks } = await read<{ webhooks: { clientConfig: { caBundle: string } }[] }>([
      'mutatingwebhookconfiguration',
      'weft-injector',
    ])
    for (const { clientConfig } of webhooks) {
      expect(fingerprintsIn(Buffer.from(clientConfig.caBundle, 'base64').toString())).toEqual([fingerprint])
    }
    const late = await shop.namespace.pod(pod('late', { serviceAccount: 'client' }))
    expect((await late.fetch('http://server/')).status).toBe(200)
    expect(await kubectl(['logs', 'deployment/weft-control-plane'], system)).not.toContain('forbidden')
  })
})

async function reaches(phase: RotationStatus['phase']): Promise<RotationStatus> {
  let seen = ''
  const status = async () => {
    seen = await identity('status', '-o', 'json').catch((error: Error) => error.message)
    const told = JSON.parse(seen) as RotationStatus
    return told.phase === phase && told
  }
  return await until(`the rotation to be ${phase}`, status, { timeout: longest, interval: 500 }).catch(
    (cause: Error) => {
      throw new Error(`${cause.message}; it is ${seen}`, { cause })
    },
  )
}

/** Without a moment to say goodbye. */
async function killControlPlane(): Promise<void> {
  const args = [
    'delete',
    'pod',
    '-l',
    'app.kubernetes.io/component=control-plane',
    '--grace-period=0',
    '--force',
  ]
  await kubectl(args, system)
  await ready('weft-control-plane')
}

async function bundleOf(namespace: string): Promise<string[]> {
  const { data } = await read<{ data: { 'bundle.pem': string } }>(['configmap', 'weft-trust-bundle'], {
    namespace,
  })
  return fingerprintsIn(data['bundle.pem'])
}

function fingerprintsIn(pem: string): string[] {
  return certificatesIn(pem).map((text) => {
    return new X509Certificate(text).fingerprint256.replaceAll(':', '').toLowerCase()
  })
}

function identity(...args: readonly string[]): Promise<string> {
  const context = process.env['WEFT_CLUSTER_CONTEXT']
  return weft(['identity', ...args, ...(context === undefined ? [] : ['--context', context])])
}
