import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Resource } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { decodeAddress, decodeAuthorization, decodeSettings } from '#sidecar/discovery/decode.ts'
import { buildModel } from './model/build-model.ts'
import { type TypeUrl, typeUrls } from './model/type-urls.ts'
import { registrySnapshot } from './snapshot.ts'
import { parseRegistry } from './watch/file/parse.ts'

const file = fileURLToPath(new URL('../cli/testdata/shop.yaml', import.meta.url))
const text = readFileSync(file, 'utf8')

describe('the snapshot of a registry file', () => {
  const read = registrySnapshot(text, file)
  if ('problems' in read) throw new Error(read.problems.join('\n'))
  const { snapshot } = read
  const pushed = (type: TypeUrl) => [...(published().types.get(type)?.byName.values() ?? [])].map(bodyOf)

  it('is what sidecars decode from what is pushed to them', () => {
    const addresses = pushed(typeUrls.address).map(decodeAddress)
    const workloads = addresses.flatMap((address) => (address.kind === 'workload' ? [address.workload] : []))
    const services = addresses.flatMap((address) => (address.kind === 'service' ? [address.service] : []))
    expect(sorted(workloads, ({ uid }) => uid)).toEqual(sorted(snapshot.workloads.values(), ({ uid }) => uid))
    expect(sorted(services, ({ key }) => key)).toEqual(sorted(snapshot.services.values(), ({ key }) => key))
    expect(sorted(pushed(typeUrls.authorization).map(decodeAuthorization), ({ key }) => key)).toEqual(
      sorted(snapshot.authorizations.values(), ({ key }) => key),
    )
    expect(pushed(typeUrls.settings).map(decodeSettings)).toEqual([snapshot.settings])
  })

  it('names every problem of a bad one by its place', () => {
    const bad = registrySnapshot(
      'mesh: { networks: [10.77.0.0/16], egres: none }\nworkloads: 5\n',
      'mesh.yaml',
    )
    expect(bad).toEqual({
      problems: [
        expect.stringMatching(/^mesh\.yaml:1:35 mesh\.egres: /),
        expect.stringMatching(/^mesh\.yaml:2:1 workloads: /),
      ],
    })
  })
})

function published() {
  const parsed = parseRegistry(text)
  if ('problems' in parsed) throw new Error('the sample is bad')
  return buildModel(parsed.state, { trustDomain: 'cluster.local', rootsPem: '' })
}

function bodyOf({ encoded }: { readonly encoded: Uint8Array }): Uint8Array {
  return Resource.decode(encoded).resource!.value
}

function sorted<T>(items: Iterable<T>, key: (item: T) => string): T[] {
  return [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}
