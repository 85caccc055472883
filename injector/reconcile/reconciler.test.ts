import { describe, expect, it } from 'vitest'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { namespaceOf } from '../decide/namespace.ts'
import { parsePod } from '../pod.ts'
import { injected, injection, shop } from '../testing/injecting.ts'
import type { Cluster, RunningPod } from './cluster.ts'
import { Reconciler } from './reconciler.ts'
import { whyUnmeshed } from './why-unmeshed.ts'

const enforce = 'pod-security.kubernetes.io/enforce'
const plain = { metadata: { name: 'web' }, spec: { containers: [{ name: 'app', image: 'web' }] } }

function running(name: string, pod: unknown = plain, namespace = 'shop'): RunningPod {
  const parsed = parsePod(pod)
  if (parsed.kind === 'refused') throw new Error(parsed.message)
  return { namespace, uid: `uid-of-${namespace}-${name}`, name, pod: parsed.pod }
}

function reconciler() {
  const world = {
    fails: undefined as Error | undefined,
    tellFails: undefined as Error | undefined,
    pods: { shop: [], other: [] } as Record<string, RunningPod[]>,
    looked: [] as string[],
    asking: [] as RunningPod[],
    told: [] as string[],
  }
  const cluster: Cluster = {
    async namespaces() {
      if (world.fails) throw world.fails
      const labels = { 'weft.dev/inject': 'enabled' }
      return [...Object.keys(world.pods).map((name) => namespaceOf(name, labels)), namespaceOf('plain', {})]
    },
    async *pods(namespace) {
      world.looked.push(namespace)
      yield* world.pods[namespace]!
    },
    async *askingPods() {
      yield* world.asking
    },
    async tell({ namespace, name }, message) {
      if (world.tellFails) throw world.tellFails
      world.told.push(`${namespace}/${name}: ${message}`)
    },
  }
  const metrics = createMetrics()
  const lines: Record<string, unknown>[] = []
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>)
  const log = createLog({ component: 'test', write })
  const { settings } = injection
  const made = new Reconciler({ cluster, settings, excluded: ['legacy'], interval: 5, log, metrics })
  return {
    world,
    lines,
    made,
    look: () => made.look(AbortSignal.timeout(5_000)),
    metric: (name: string) => metrics.getSingleMetricAsString(name),
  }
}

describe('the reconciler', () => {
  it('counts and tells of the pods that run outside the mesh, each once', async () => {
    const { world, look, lines, metric } = reconciler()
    world.pods['shop'] = [running('early'), running('meshed', injected(plain))]
    await look()
    await look()
    expect(world.told).toEqual([expect.stringContaining('shop/early: it runs outside the mesh')])
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
    expect(await metric('weft_injector_unmeshed_pods')).toContain('{namespace="shop"} 1')
    expect(await metric('weft_injector_unmeshed_pods')).toContain('{namespace="other"} 0')
    world.pods = { shop: [] }
    await look()
    expect(await metric('weft_injector_unmeshed_pods')).toContain('{namespace="shop"} 0')
    expect(await metric('weft_injector_unmeshed_pods')).not.toContain('other')
  })

  it('tells of a pod that asks for itself where its namespace does not, and of none twice', async () => {
    const { world, look, metric } = reconciler()
    const asking = { ...plain, metadata: { name: 'web', labels: { 'weft.dev/inject': 'true' } } }
    world.pods['shop'] = [running('early', asking)]
    world.asking = [running('early', asking), running('alone', asking, 'plain')]
    world.asking.push(running('meshed', injected(asking), 'plain'))
    await look()
    expect(world.told).toEqual([
      expect.stringContaining('shop/early: it runs outside the mesh'),
      expect.stringContaining('plain/alone: it runs outside the mesh'),
    ])
    expect(await metric('weft_injector_unmeshed_pods')).toContain('{namespace="shop"} 1')
    expect(await metric('weft_injector_unmeshed_pods')).toContain('{namespace="plain"} 1')
  })

  it('leaves alone the namespaces that are never injected, though they have the label or their pods ask', async () => {
    const { world, look, metric } = reconciler()
    const asking = { ...plain, metadata: { name: 'web', labels: { 'weft.dev/inject': 'true' } } }
    const unclear = { ...plain, metadata: { name: 'web', labels: { 'weft.dev/inject': 'yes' } } }
    world.pods = {
      shop: [running('early')],
      legacy: [running('old', plain, 'legacy')],
      'kube-system': [running('dns', unclear, 'kube-system')],
      'weft-system': [running('own', unclear, 'weft-system')],
    }
    world.asking = [running('asks', asking, 'legacy'), running('asks', asking, 'kube-system')]
    await look()
    expect(world.told).toEqual([expect.stringContaining('shop/early')])
    expect(world.looked).toEqual(['shop'])
    expect(await metric('weft_injector_unmeshed_pods')).not.toContain('legacy')
  })

  it('tells again later what could not be told', async () => {
    const { world, look } = reconciler()
    world.pods['shop'] = [running('early')]
    world.tellFails = new Error('events are away')
    await look()
    expect(world.told).toEqual([])
    world.tellFails = undefined
    await look()
    expect(world.told).toHaveLength(1)
  })

  it('goes on after a failure, with the last counts', async () => {
    const { world, made, look, metric } = reconciler()
    world.pods['shop'] = [running('early')]
    await look()
    world.fails = new Error('api server away')
    const stop = new AbortController()
    const ended = made.run(stop.signal)
    await expect.poll(() => metric('weft_injector_reconcile_failures_total')).toMatch(/ [2-9]/)
    expect(await metric('weft_injector_unmeshed_pods')).toContain('{namespace="shop"} 1')
    stop.abort()
    await ended
  })
})

describe('a pod outside the mesh', () => {
  const why = (pod: unknown, namespace = shop) =>
    whyUnmeshed(running('web', pod).pod, namespace, injection.settings)

  it.each([
    ['was injected', injected(plain)],
    ['says so', { ...plain, metadata: { annotations: { 'weft.dev/inject': 'false' } } }],
    ['uses the host’s network', { spec: { ...plain.spec, hostNetwork: true } }],
  ])('is as it should be when it %s', (_, pod) => {
    expect(why(pod)).toBeUndefined()
  })

  it.each([
    ['its namespace enforces Pod Security', {}, 'baseline'],
    ['an annotation became a mistake', { annotations: { 'weft.dev/log-level': 'loud' } }, undefined],
    ['its label became unclear', { labels: { 'weft.dev/inject': 'yes' } }, undefined],
  ])('is none that was injected before %s', (_, metadata, level) => {
    const labels = { 'weft.dev/inject': 'enabled', ...(level && { [enforce]: level }) }
    expect(why({ ...(injected(plain) as object), metadata }, namespaceOf('shop', labels))).toBeUndefined()
    expect(why({ ...plain, metadata }, namespaceOf('shop', labels))).toContain('would be refused today')
  })

  it('that would be refused today is told of with the reason', () => {
    const pod = { ...plain, metadata: { annotations: { 'weft.dev/log-level': 'loud' } } }
    expect(why(pod)).toContain('would be refused today: weft.dev/log-level is "loud"')
  })
})
