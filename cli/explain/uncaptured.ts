import { cidrContains, type IpAddress, parseCidr } from '#mesh/address.ts'

/** Why redirection never sends connections to an address through the sidecar; undefined when it does. */
export function uncaptured(ip: IpAddress): string | undefined {
  return never.find(({ ranges }) => ranges.some((range) => cidrContains(range, ip)))?.why
}

/** What the kernel's rules let pass, cloud metadata among it. */
export const linkLocal: readonly string[] = ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128']

const never = [
  {
    why: 'loopback stays within the pod and is never redirected',
    ranges: ['127.0.0.0/8', '::1/128'],
  },
  {
    why: 'the local link and cloud metadata are never redirected',
    ranges: linkLocal,
  },
].map(({ why, ranges }) => ({ why, ranges: ranges.map((range) => parseCidr(range)!) }))
