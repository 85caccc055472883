import type { PeerName } from '../harness/peer.ts'

/** One colour a peer in every plot; told apart also by people who do not see red and green as others do. */
export const colours: Readonly<Record<PeerName, string>> = {
  direct: '#8c959f',
  weft: '#d55e00',
  haproxy: '#0072b2',
  nginx: '#56b4e9',
  'linkerd-opaque': '#009e73',
  'linkerd-http2': '#66c2a5',
  ztunnel: '#cc79a7',
}
