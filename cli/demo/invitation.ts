import type { Workload } from '#test/harness/workload.ts'
import type { Stage } from './stage.ts'

/** What there is now, and what to try with it. */
export function invitation({ mesh, frontend, backend, catalog, visitor, outsider, service }: Stage): string {
  const pods: readonly (readonly [Workload, string])[] = [
    [frontend, 'meshed'],
    [backend, 'meshed: HTTP on 8080, greets on 2525, ticks on 9000'],
    [catalog, 'meshed: HTTP on 8080'],
    [visitor, 'meshed, and allowed nothing at backend'],
    [outsider, 'not meshed'],
  ]
  const width = Math.max(...pods.map(([{ standing }]) => standing.namespace.length))
  const rows = pods.map(
    ([
      {
        name,
        ip,
        standing: { namespace },
      },
      what,
    ]) => `  ${name.padEnd(9)} ${ip.padEnd(12)} ${namespace.padEnd(width)}  ${what}`,
  )
  const enter = (workload: Workload) => `ip netns exec ${workload.standing.namespace}`
  const file = mesh.registry.path
  return `
The mesh stays up until Ctrl-C.

  pod       address      network namespace
${rows.join('\n')}
  backend's virtual IP is ${service.ip}:80; policy lives in ${file}

Try, in another terminal and in this folder:
  ${enter(frontend)} curl -s http://${service.ip}/hello
  ${enter(visitor)} curl -s http://${service.ip}/hello            # refused
  npm run -s weft -- explain visitor backend:80 --registry ${file}
  npm run -s weft -- proxy connections --netns ${backend.standing.namespace}
  npm run -s weft -- proxy certificate --netns ${frontend.standing.namespace}
  $EDITOR ${file}        # a change takes effect at once
`
}
