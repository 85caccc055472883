const metric = 'istio_tcp_connections_opened_total'

/** How many of the client's connections were encrypted, as its metrics say. Throws unless all were. */
export function encryptedConnections(metrics: string): string {
  const opened = metrics
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`) && line.includes('reporter="source"'))
  const encrypted = opened.filter((line) => line.includes('connection_security_policy="mutual_tls"'))
  const [count, all] = [sum(encrypted), sum(opened)]
  if (count > 0 && count === all)
    return `${metric}{connection_security_policy="mutual_tls"} ${count} of ${all}`
  throw new Error(`ztunnel's ${metric} counts ${count} of ${all} connections as mutual_tls`)
}

function sum(lines: readonly string[]): number {
  return lines.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
