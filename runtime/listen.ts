import type { HostPort } from './env.ts'

/** A host of undefined is every address, of both families or of IPv4 where the kernel has no IPv6. */
export interface Listen {
  readonly host: string | undefined
  readonly port: number
}

/** `[::]` is written for every address; taken by the letter, it cannot be had where the kernel has no IPv6. */
export function listenOn({ host, port }: HostPort): Listen {
  return { host: host === '::' ? undefined : host, port }
}
