const metric = 'tcp_open_total'

/** The line of the client's metrics that counts TLS connections to the server. Throws when a connection had no TLS. */
export function encryptedConnections(metrics: string): string {
  const opened = metrics
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`))
    .filter((line) => line.includes('direction="outbound"') && line.includes('peer="dst"'))
  const plain = opened.find((line) => !line.includes('tls="true"'))
  if (plain !== undefined) throw new Error(`linkerd2-proxy counts a connection without TLS: ${plain}`)
  const encrypted = opened.filter((line) => Number(line.slice(line.lastIndexOf(' ') + 1)) > 0)
  if (encrypted.length === 0)
    throw new Error(`linkerd2-proxy counts no TLS connection to another pod in ${metric}`)
  return encrypted.join('; ')
}
