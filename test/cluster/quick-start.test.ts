import { execFile } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { installed, weft } from './harness/installation.ts'
import { kubectl } from './harness/kubectl.ts'
import { service, template } from './harness/manifests.ts'
import { Namespace } from './harness/namespace.ts'
import { besideCluster } from './harness/neighbour.ts'
import { loadImages } from './images/load.ts'
import { placeOf } from './node/place.ts'

const checkout = new URL('../..', import.meta.url).pathname
const docker = new URL('./images/docker.ts', import.meta.url).pathname
/** As the README calls it. */
const shop = Namespace.named('shop')

// What the README says to type, as it is written there, in a copy of this checkout that has nothing but its files, on a
// cluster where weft was taken away. One thing is not as a user has it: `docker` is buildah, on bases of this machine's files, and
// what the README says in prose, to load the images into the nodes, is done between its two blocks.
describe.skipIf(!besideCluster)('the quick start of the README', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-quick-start-'))
  const copy = join(folder, 'weft')
  const [build, use, ...more] = blocksUnder('## On Kubernetes')

  beforeAll(async () => {
    copyCheckout(copy)
    pretendDocker(join(folder, 'bin'))
    await kubectl(['delete', '--ignore-not-found', '-f', '-'], {
      input: await weft(['uninstall']),
      timeout: 120_000,
    })
    await kubectl(['create', 'namespace', 'shop'])
    for (const name of ['frontend', 'backend']) {
      const { metadata, spec } = template(name)
      const deployment = {
        replicas: 1,
        selector: { matchLabels: { app: name } },
        template: { metadata, spec },
      }
      await shop.apply(service(name), {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata,
        spec: deployment,
      })
      await shop.rolledOut(`deployment/${name}`, 60)
    }
  })
  afterAll(async () => {
    await installed()
    await shop[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  test('has one block that builds, and one that uses what was built', () => {
    expect([build!.length, use!.length, more]).toEqual([2, expect.any(Number), []])
  })

  test('builds the images', { timeout: 300_000 }, async () => {
    for (const line of build!) await type(line, { outside: true })
    const images = ['sidecar', 'init', 'control-plane', 'injector'].map(
      (name) => `docker.io/weft/${name}:0.1.0`,
    )
    await loadImages(placeOf(process.env['WEFT_CLUSTER_NAME']!), images)
  })

  test('installs weft and meshes a namespace that was there', { timeout: 300_000 }, async () => {
    const said: string[] = []
    for (const line of use!) said.push(await type(line))
    await shop.rolledOut('deployment/frontend', 90)
    await shop.rolledOut('deployment/backend', 90)
    expect(said.at(-1)).toMatch(/^shop +yes /m)
  })

  test('and from there on connections are mutual TLS', async () => {
    type Pods = { items: { metadata: { name: string; deletionTimestamp?: string } }[] }
    const { items } = await shop.read<Pods>('pods', '-l', 'app=frontend')
    const { metadata } = items.find((pod) => pod.metadata.deletionTimestamp === undefined)!
    const frontend = await shop.find(metadata.name)
    await frontend.fetchUntil('http://backend/', ({ status }) => status === 200)
    expect((await frontend.connections()).at(-1)).toMatchObject({
      security: 'mutual_tls',
      peer: 'spiffe://cluster.local/ns/shop/sa/default',
    })
  })

  /** Types a line into a shell in the copy, in the cluster's network or outside of it; answers what it printed. */
  async function type(line: string, { outside = false } = {}): Promise<string> {
    // The machine's own network has the package registry; the cluster's has no way out.
    const where = outside ? ['nsenter', `--net=${process.env['WEFT_MACHINE_NETWORK']}`] : []
    const [program, ...args] = [...where, 'sh', '-ec', line]
    // What vitest tells Node about itself is not for those who come after.
    const { NODE_OPTIONS: _, ...env } = process.env
    const path = `${join(folder, 'bin')}:${env['PATH']}`
    const { stdout } = await promisify(execFile)(program, args, {
      cwd: copy,
      env: { ...env, PATH: path, CI: '' },
      maxBuffer: 1 << 26,
    })
    return stdout
  }
})

/** The lines of each indented block under this heading of the README. */
function blocksUnder(heading: string): readonly (readonly string[])[] {
  const readme = readFileSync(join(checkout, 'README.md'), 'utf8')
  const [, section] = readme.split(`\n${heading}\n`)
  if (section === undefined) throw new Error(`README.md has no ${heading}`)
  const paragraphs = section.split(/\n## /)[0]!.split(/\n\n+/)
  return paragraphs
    .filter((paragraph) => /^\n? {4}/.test(paragraph))
    .map((paragraph) =>
      paragraph
        .trim()
        .split('\n')
        .map((line) => line.trim()),
    )
}

function copyCheckout(target: string): void {
  const left = new Set(['node_modules', 'dist', '.git'])
  cpSync(checkout, target, { recursive: true, filter: (path) => !left.has(basename(path)) })
}

function pretendDocker(folder: string): void {
  mkdirSync(folder)
  const file = join(folder, 'docker')
  writeFileSync(file, `#!/bin/sh\nexec ${process.execPath} ${docker} "$@"\n`)
  chmodSync(file, 0o755)
}
