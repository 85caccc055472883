import fc from 'fast-check'
import jsonPatch from 'fast-json-patch'
import { expect, it } from 'vitest'
import { parseProbeTable, probePath } from '#mesh/probes.ts'
import { applyOperations } from './offline/apply.ts'
import { type Handler, parsePod } from './pod.ts'
import { nonce, reviewed } from './testing/injecting.ts'

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/)
const portNumber = fc.integer({ min: 1, max: 65_535 })
const port = fc.oneof(portNumber, fc.constantFrom('http', 'nowhere', '8080'))
const host = fc.option(fc.constant('status.example'), { nil: undefined })
const handler = fc.oneof(
  fc.record({ httpGet: fc.record({ port, host, path: fc.webPath() }, { requiredKeys: ['port'] }) }),
  fc.record({ tcpSocket: fc.record({ port, host }, { requiredKeys: ['port'] }) }),
  fc.record({ grpc: fc.record({ port: portNumber, service: fc.string() }, { requiredKeys: ['port'] }) }),
  fc.constant({ exec: { command: ['true'] } }),
)
const probe = fc
  .tuple(handler, fc.integer({ min: 1, max: 9 }))
  .map(([each, timeoutSeconds]) => ({ ...each, timeoutSeconds }))
const container = fc.record(
  {
    name,
    image: fc.constant('web'),
    ports: fc.constant([{ name: 'http', containerPort: 8080 }]),
    restartPolicy: fc.constant('Always'),
    startupProbe: probe,
    livenessProbe: probe,
    readinessProbe: probe,
    lifecycle: fc.record({ postStart: handler, preStop: handler }, { requiredKeys: [] }),
  },
  { requiredKeys: ['name', 'image'] },
)
const containers = fc.uniqueArray(container, { selector: (each) => each.name, minLength: 1, maxLength: 4 })
const pod = containers.chain((all) =>
  fc.record(
    {
      metadata: fc.constant({ name: 'web' }),
      spec: fc.record(
        {
          containers: fc.constant(all.slice(0, 1)),
          initContainers: fc.constantFrom(all.slice(1), null),
          volumes: fc.constantFrom([], [{ name: 'data', emptyDir: {} }], null),
        },
        { requiredKeys: ['containers'] },
      ),
    },
    { requiredKeys: ['spec'] },
  ),
)

it('whatever pod it is, injection is whole, the same in every hand, and final', () => {
  fc.assert(
    fc.property(pod, (written) => {
      const outcome = reviewed(written)
      if (outcome.kind !== 'injected') throw new Error(`it was ${outcome.kind}`)
      const operations = structuredClone(outcome.operations) as jsonPatch.Operation[]
      const { newDocument: injected } = jsonPatch.applyPatch(
        structuredClone(written) as object,
        operations,
        true,
      )
      expect(applyOperations(written, outcome.operations)).toEqual(injected)
      expect(reviewed(injected)).toMatchObject({ kind: 'injected', operations: [] })
      everyProbeIsInTheTable(injected)
    }),
  )
})

/** No probe points at the sidecar that the sidecar does not know, and the other way round. */
function everyProbeIsInTheTable(injected: unknown): void {
  const parsed = parsePod(injected)
  if (parsed.kind === 'refused') throw new Error(parsed.message)
  const { initContainers, containers } = parsed.pod.spec
  const variables = initContainers!.find((each) => each.name === 'weft-proxy')!.env!
  const written = variables.find((each) => each.name === 'WEFT_PROBES')?.value
  const table = written ? parseProbeTable(written)! : { nonce, containers: {} }
  const known = Object.entries(table.containers).flatMap(([of, probes]) =>
    Object.keys(probes).map((kind) => probePath(nonce, of, kind as keyof typeof probes)),
  )
  const pointed = [...initContainers!, ...containers].flatMap((each) => {
    const { startupProbe, livenessProbe, readinessProbe, lifecycle } = each
    const handlers: (Handler | null | undefined)[] = [startupProbe, livenessProbe, readinessProbe]
    return [...handlers, lifecycle?.postStart, lifecycle?.preStop]
  })
  const paths = pointed.flatMap((each) => (each?.httpGet?.port === 15021 ? [each.httpGet.path!] : []))
  expect(paths.filter((path) => path.startsWith('/probe/')).toSorted()).toEqual(known.toSorted())
}
