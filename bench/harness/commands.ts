import { type Command, demoCommands } from '../../scripts/prerequisites.ts'

/** What every run needs: namespaces, the applications, and the loads other than k6. */
export const benchCommands: readonly Command[] = [
  ...demoCommands,
  ...(['iperf3', 'nginx', 'prlimit', 'redis-benchmark', 'redis-server', 'wrk'] as const),
]

/** What peers are; those that cannot be had are left out. */
export const peerCommands: readonly Command[] = ['haproxy', 'ngx_stream_module.so']
