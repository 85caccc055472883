// Brings a node up in the namespaces that it is started in, and stays until its standard input ends or it is killed:
// the namespaces, and all that runs in them, end with it.
import { readFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { makeCertificates } from './certificates.ts'
import { type Api, controlPlane } from './control-plane.ts'
import { makeControlGroup, makeMounts } from './mounts.ts'
import { makeNetwork } from './network.ts'
import { type Part, startPart } from './part.ts'
import { type Place, placeOf } from './place.ts'
import { plan } from './plan.ts'
import { worker } from './worker.ts'

const [name, programs, mode] = process.argv.slice(2)
if (!name || !programs || !mode) throw new Error('usage: boot.ts CLUSTER DIRECTORY_OF_PROGRAMS stays|follows')
// The other end is held by who started the cluster, and closes however that one ends.
if (mode === 'follows') process.stdin.resume().once('end', () => process.exit())
const place = placeOf(name)

makeMounts(place)
makeNetwork()
makeCertificates(place)
const api = apiOf(place)
await start(controlPlane(place, programs, api))
await start(worker(place, programs, makeControlGroup(place), api))
console.log('ready')
setInterval(() => {}, 1 << 30)

async function start(parts: readonly Part[]): Promise<void> {
  for (const part of parts) {
    const began = Date.now()
    await startPart(place, part)
    console.log(`${part.name} runs (${((Date.now() - began) / 1_000).toFixed(1)} s)`)
  }
}

function apiOf({ certificates }: Place): Api {
  const read = (file: string): Buffer => readFileSync(join(certificates, file))
  const options = { ca: read('ca.crt'), cert: read('admin.crt'), key: read('admin.key'), timeout: 2_000 }
  return (path) =>
    new Promise((resolve, reject) => {
      const request = get(`https://127.0.0.1:${plan.apiPort}${path}`, options, (response) => {
        response.resume().once('end', () => resolve(response.statusCode === 200))
      })
      request.once('error', reject).once('timeout', () => request.destroy(new Error('no answer')))
    })
}
