import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '#control-plane/authority/testing/temporary-folder.ts'
import { FakeApiServer } from '#control-plane/watch/kubernetes/testing/fake-api-server.ts'
import type { RunningPod } from '../reconcile/cluster.ts'
import { kubernetesCluster } from './kubernetes.ts'

async function startCluster() {
  const api = await FakeApiServer.start()
  const folder = temporaryFolder()
  const kubeconfig = join(folder.path, 'kubeconfig')
  const config = {
    // The client takes HTTP only so.
    clusters: [{ name: 'c', cluster: { server: api.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  writeFileSync(kubeconfig, JSON.stringify(config))
  const signal = AbortSignal.timeout(20_000)
  return {
    api,
    signal,
    cluster: kubernetesCluster({ KUBECONFIG: kubeconfig }),
    limits: () => api.asked('list').map(({ searchParams }) => searchParams.get('limit')),
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]()
      await api[Symbol.asyncDispose]()
    },
  }
}

const app = { name: 'app', image: 'web' }

async function names(pods: AsyncIterable<RunningPod>): Promise<string[]> {
  return (await Array.fromAsync(pods)).map(({ name }) => name)
}

describe('the pods of a cluster', () => {
  it('are read in small pages, but those that have ended', async () => {
    await using started = await startCluster()
    for (let i = 0; i < 150; i++) started.api.set(`web-${i}`, { spec: { containers: [app] } })
    started.api.set('done', { spec: { containers: [app] }, status: { phase: 'Succeeded' } })
    expect(await names(started.cluster.pods('shop', started.signal))).toHaveLength(150)
    expect(started.limits()).toEqual(['100', '100'])
  })

  it('are read in smaller ones where few of them are more than there is room for', async () => {
    await using started = await startCluster()
    const env = [{ name: 'BALLAST', value: 'x'.repeat(1_500_000) }]
    for (let i = 0; i < 3; i++) started.api.set(`web-${i}`, { spec: { containers: [{ ...app, env }] } })
    expect(await names(started.cluster.askingPods(started.signal))).toHaveLength(3)
    expect(started.limits()).toEqual(['100', '50', '25', '12', '6', '3', '1', '1', '1'])
  })

  it('are not known while one alone is too large, and that is said', async () => {
    await using started = await startCluster()
    const env = [{ name: 'BALLAST', value: 'x'.repeat(5_000_000) }]
    started.api.set('web', { spec: { containers: [{ ...app, env }] } })
    const pods = names(started.cluster.pods('shop', started.signal))
    await expect(pods).rejects.toThrow('one of the pods alone is too large to be read')
  })
})

it('the namespaces of a cluster are read in pages too', async () => {
  await using started = await startCluster()
  for (let i = 0; i < 150; i++) started.api.set(`namespace-${i}`)
  expect(await started.cluster.namespaces(started.signal)).toHaveLength(150)
  expect(started.limits()).toEqual(['100', '100'])
})
