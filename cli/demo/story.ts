import { setTimeout as sleep } from 'node:timers/promises'
import type { AccessRecord } from '#test/harness/sidecar.ts'
import { Ticks } from '#test/harness/ticks.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'
import { expect, expectRefused } from './expect.ts'
import { allow, type Stage } from './stage.ts'

/** One thing that the mesh does, checked for real. */
export interface Chapter {
  readonly title: string
  /** Answers lines that prove it; throws what was otherwise. */
  readonly tell: (stage: Stage) => Promise<readonly string[]>
}

const marker = 'marker-4711-of-a-secret'
const plainMarker = 'marker-0815-of-no-secret'

/** The story of a mesh. Chapters are told in order, each on what the earlier ones left. */
export const story: readonly Chapter[] = [
  {
    title: 'frontend reaches backend by virtual IP over mTLS',
    async tell({ frontend, backend, service }) {
      const response = await frontend.http(`http://${service.ip}/${marker}`)
      expect('the status', response.status, 200)
      const seen = await inboundOf(backend, 'frontend by virtual IP', byFrontend)
      expect('its security', seen.security, 'mutual_tls')
      return [
        `${frontend.ip} -> ${service.ip}:80 -> ${backend.ip}:8080`,
        `backend's sidecar saw ${seen.peer}`,
      ]
    },
  },
  {
    title: 'the same by pod IP',
    async tell({ frontend, backend }) {
      const before = backend.sidecar.accessLog().length
      const response = await frontend.http(`http://${backend.ip}:8080/${marker}`)
      expect('the status', response.status, 200)
      const seen = await inboundOf(backend, 'frontend by pod IP', byFrontend, before)
      expect('its security', seen.security, 'mutual_tls')
      return [`${frontend.ip} -> ${backend.ip}:8080`, `backend's sidecar saw ${seen.peer}`]
    },
  },
  {
    title: 'nothing that was said can be read on the pod network',
    async tell({ capture, outsider, catalog }) {
      // The control: what is not meshed does show, so the capture sees what there is to see.
      await outsider.http(`http://${catalog.ip}:8080/${plainMarker}`)
      expect('the plaintext of outsider in the capture', await capture.contains(plainMarker), true)
      expect('the marker of frontend in the capture', await capture.contains(marker), false)
      const groups = await capture.keyExchangeGroups()
      expect('the key exchange', groups.includes('X25519MLKEM768'), true)
      return [
        `"${marker}" is not in the capture; outsider's "${plainMarker}" is`,
        `key exchange: ${groups.join(', ')} (post-quantum hybrid)`,
      ]
    },
  },
  {
    title: 'a server that speaks first works with no setting',
    async tell({ frontend, backend }) {
      const started = performance.now()
      const socket = await frontend.connect(`${backend.ip}:2525`)
      const banner = await new Promise<string>((resolve, reject) => {
        socket.once('data', (bytes: Buffer) => resolve(bytes.toString().trim())).once('error', reject)
      })
      const took = performance.now() - started
      socket.end('quit\r\n')
      expect('the banner', banner, '220 backend at your service')
      expect('the banner within a second', took < 1_000, true)
      return [`"${banner}" after ${took.toFixed(0)} ms, before the client said a word`]
    },
  },
  {
    title: 'a workload that no policy allows is refused, and told why',
    async tell({ visitor, backend, service }) {
      const how = await expectRefused('visitor', () => visitor.http(`http://${service.ip}/`))
      const seen = await inboundOf(backend, 'visitor', ({ peer }) => peer.endsWith('/sa/visitor'))
      expect('the reason', seen.reason, 'no_allow_matched')
      return [`visitor: ${how}`, `backend's sidecar: ${seen.peer}: ${seen.detail}`]
    },
  },
  {
    title: 'a policy change cuts a live connection within a second; one that stays allowed loses no byte',
    async tell({ mesh, frontend, catalog, backend }) {
      const stays = new Ticks(await frontend.connect(`${backend.ip}:9000`))
      const goes = new Ticks(await catalog.connect(`${backend.ip}:9000`))
      await Promise.all([stays.more(), goes.more()])
      const before = backend.sidecar.accessLog().length
      const changed = performance.now()
      allow(mesh, ['frontend'])
      const { how, at } = await goes.ended()
      expect('how catalog was cut', how, 'reset')
      expect('cut within a second', at - changed < 1_000, true)
      const seen = await inboundOf(backend, 'catalog', ({ outcome }) => outcome === 'cut', before)
      await stays.more(10)
      const { count } = stays
      stays.socket.destroy()
      return [
        `catalog was cut ${(at - changed).toFixed(0)} ms after the file changed: ${seen.detail}`,
        `frontend read ${count} numbered lines on, each with its checksum, none lost`,
      ]
    },
  },
  {
    title: 'a plaintext client from outside passes under permissive, and is refused under strict',
    async tell({ mesh, outsider, catalog }) {
      const url = `http://${catalog.ip}:8080/`
      expect('the status under permissive', (await outsider.http(url)).status, 200)
      const strict = mesh.policy({
        kind: 'PeerAuthentication',
        name: 'catalog',
        selector: { app: 'catalog' },
        mode: 'Strict',
      })
      const before = catalog.sidecar.accessLog().length
      const how = await until('strict to be in force', async () => {
        return await expectRefused('outsider', () => outsider.http(url)).catch(() => undefined)
      })
      const seen = await inboundOf(
        catalog,
        'outsider refused',
        ({ reason }) => reason === 'plaintext_denied',
        before,
      )
      strict.remove()
      await until('permissive to be back', async () => (await outsider.http(url)).status === 200)
      return ['permissive: 200', `strict: ${how}; ${seen.detail}`]
    },
  },
  {
    title: 'without its control plane the mesh goes on; when it is back, a new endpoint is used',
    async tell({ mesh, frontend, catalog, backend, service }) {
      await mesh.controlPlane.kill()
      expect('backend, known', (await frontend.http(`http://${service.ip}/`)).status, 200)
      // Nobody has talked to catalog from here yet: a new tunnel, with nobody to ask.
      expect('catalog, never dialled before', (await frontend.http(`http://${catalog.ip}:8080/`)).status, 200)
      await mesh.controlPlane.start()
      const second = await mesh.workload('backend-2', {
        serviceAccount: 'backend',
        labels: { app: 'backend' },
      })
      await second.app('http-server', ['--name', 'backend-2'])
      backend.update({ ready: false })
      const answer = await until('the new endpoint to answer', async () => {
        const { body } = await frontend.http(`http://${service.ip}/`)
        return body.includes('"backend-2"')
      })
      expect('an answer of the new endpoint', answer, true)
      backend.update({ ready: true })
      return [
        'killed: backend and catalog answered all the same',
        `started again: ${service.ip} led to backend-2, ${second.ip}:8080`,
      ]
    },
  },
  {
    title: 'a certificate is renewed under load: no connection drops, and the next one uses the new one',
    async tell({ frontend, backend }) {
      const stream = new Ticks(await frontend.connect(`${backend.ip}:9000`))
      await stream.more()
      const serialBefore = await serialOf(frontend)
      const load = { requests: 0, left: Number.POSITIVE_INFINITY }
      const loading = (async () => {
        for (; load.left > 0; load.left--) {
          const { status } = await frontend.http(`http://${backend.ip}:8080/`)
          expect('the status under load', status, 200)
          load.requests += 1
        }
      })()
      await Promise.race([sleep(200), loading])
      const before = backend.sidecar.accessLog().length
      await Promise.all([
        frontend.sidecar.admin('POST /certificate/renew'),
        backend.sidecar.admin('POST /certificate/renew'),
      ])
      load.left = 10
      await loading
      const serial = await serialOf(frontend)
      expect('the serial being another one', serial !== serialBefore, true)
      const seen = await inboundOf(
        backend,
        'the new certificate',
        ({ peerSerial }) => peerSerial === serial,
        before,
      )
      await stream.more(5)
      const { count } = stream
      stream.socket.destroy()
      return [
        `${load.requests} requests around the renewal, none failed; a stream from before read on to line ${count}`,
        `before ${serialBefore}, then backend's sidecar saw ${seen.peerSerial}`,
      ]
    },
  },
]

/** What an access record says, as text. */
interface Seen {
  readonly peer: string
  readonly peerSerial: string
  readonly security: string
  readonly outcome: string
  readonly reason: string
  readonly detail: string
}

function byFrontend({ peer }: Seen): boolean {
  return peer.endsWith('/sa/frontend')
}

/** The first fitting inbound record after the ones that were there `before`. */
function inboundOf(
  workload: Workload,
  what: string,
  fits: (seen: Seen) => boolean,
  before = 0,
): Promise<Seen> {
  return until(`${workload.name}'s access log to show ${what}`, () =>
    workload.sidecar
      .accessLog()
      .slice(before)
      .filter((record) => record['direction'] === 'inbound')
      .map(seenIn)
      .find(fits),
  )
}

function seenIn(record: AccessRecord): Seen {
  const text = (name: keyof Seen) => {
    const value = record[name]
    return typeof value === 'string' ? value : ''
  }
  return {
    peer: text('peer'),
    peerSerial: text('peerSerial'),
    security: text('security'),
    outcome: text('outcome'),
    reason: text('reason'),
    detail: text('detail'),
  }
}

async function serialOf(workload: Workload): Promise<string> {
  const certificate = (await workload.sidecar.admin('GET /certificate')) as { serial: string }
  return certificate.serial
}
