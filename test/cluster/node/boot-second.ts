// Brings the second node of a cluster up in the network and mount namespaces that it is started in, and stays.
import { apiOf } from './api.ts'
import { makeControlGroup, makeMounts } from './mounts.ts'
import { makeNetwork } from './network.ts'
import { startParts } from './part.ts'
import { makePlace, placeOf, placeOfNode } from './place.ts'
import { plan } from './plan.ts'
import { worker } from './worker.ts'

const [name, programs] = process.argv.slice(2)
if (!name || !programs) throw new Error('usage: boot-second.ts CLUSTER DIRECTORY_OF_PROGRAMS')
const node = plan.nodes[1]
const place = placeOfNode(placeOf(name), node.name)

makePlace(place)
makeMounts(place)
makeNetwork(node)
const controlGroup = makeControlGroup(place, node.name)
await startParts(place, worker(node, { place, programs, controlGroup, api: apiOf(place) }))
console.log('ready')
setInterval(() => {}, 1 << 30)
