// Brings a cluster up in the namespaces that it is started in, and stays until its standard input ends or it is killed:
// the namespaces, and all that runs in them, end with it.
import { apiOf } from './api.ts'
import { makeCertificates } from './certificates.ts'
import { controlPlane } from './control-plane.ts'
import { makeControlGroup, makeMounts } from './mounts.ts'
import { linkSecondNode, makeNetwork } from './network.ts'
import { startParts } from './part.ts'
import { placeOf } from './place.ts'
import { plan } from './plan.ts'
import { startSecondNode } from './second.ts'
import { worker } from './worker.ts'

const [name, programs, mode] = process.argv.slice(2)
if (!name || !programs || !mode) throw new Error('usage: boot.ts CLUSTER DIRECTORY_OF_PROGRAMS stays|follows')
// The other end is held by who started the cluster, and closes however that one ends.
if (mode === 'follows') process.stdin.resume().once('end', () => process.exit())
const place = placeOf(name)
const [first] = plan.nodes

makeMounts(place)
const second = linkSecondNode()
makeNetwork(first)
makeCertificates(place)
const api = apiOf(place)
await startParts(place, controlPlane(place, programs, api))
await startParts(place, worker(first, { place, programs, controlGroup: makeControlGroup(place), api }))
// After the first one, whose share of the pods' addresses has to be the first.
await startSecondNode(name, programs, second)
console.log('ready')
setInterval(() => {}, 1 << 30)
