import { closeSync, openSync } from 'node:fs'
import koffi from 'koffi'

const libc = koffi.load(null)
const setns = libc.func('int setns(int fd, int type)')
const setfsuid = libc.func('int setfsuid(unsigned int uid)')

/** What a piece of synchronous code runs as. */
export interface Standing {
  /** Name of a network namespace, as `ip netns` knows it. */
  readonly namespace: string
  /** The user that sockets opened there belong to, in the eyes of the kernel's owner match. */
  readonly uid: number
}

/**
 * Runs synchronous code inside a network namespace, as a user: sockets that it opens stay there, and `/proc/sys/net` is
 * that namespace's. Both settings are the calling thread's own, and are back before anything else runs on it.
 */
export function within<T>({ namespace, uid }: Standing, action: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r')
  const there = openSync(`/run/netns/${namespace}`, 'r')
  try {
    enter(there, namespace)
    setfsuid(uid)
    try {
      return action()
    } finally {
      setfsuid(0)
      enter(home, 'the namespace it came from')
    }
  } finally {
    closeSync(there)
    closeSync(home)
  }
}

const CLONE_NEWNET = 0x40000000

function enter(fd: number, name: string): void {
  if (setns(fd, CLONE_NEWNET) === 0) return
  throw new Error(`cannot enter ${name}: errno ${koffi.errno()}; network namespaces need root`)
}
