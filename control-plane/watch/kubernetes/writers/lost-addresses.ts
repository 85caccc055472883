import type { ApiClient } from '../api/client.ts'
import type { LostAddress } from '../state/addresses.ts'
import type { Correction } from './writer.ts'

/** Tells the owner of a service, by an event and once, that an address it claims is another's. */
export class LostAddressEvents {
  readonly #client: ApiClient
  #told: ReadonlySet<string> = new Set()

  constructor(client: ApiClient) {
    this.#client = client
  }

  corrections(lost: readonly LostAddress[]): Correction[] {
    const told = new Set(lost.map(keyOf).filter((key) => this.#told.has(key)))
    this.#told = told
    return lost
      .filter((each) => !told.has(keyOf(each)))
      .map((each) => ({
        what: `event of service ${each.service.namespace}/${each.service.name}`,
        make: async () => {
          await this.#send(each)
          told.add(keyOf(each))
        },
      }))
  }

  async #send({ service: { namespace, name, uid }, ip, owner }: LostAddress): Promise<void> {
    const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
    await this.#client.request({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/events`,
      body: {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { generateName: `${name}.`, namespace },
        involvedObject: { apiVersion: 'v1', kind: 'Service', namespace, name, uid },
        type: 'Warning',
        reason: 'AddressTaken',
        message: `in the mesh ${ip} leads to ${owner}, which had it first: give this service another address`,
        source: { component: 'weft-control-plane' },
        firstTimestamp: time,
        lastTimestamp: time,
        count: 1,
      },
    })
  }
}

function keyOf({ service, ip, owner }: LostAddress): string {
  return `${service.uid} ${ip} ${owner}`
}
