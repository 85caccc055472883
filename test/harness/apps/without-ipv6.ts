// Becomes another Node program on what is to it a kernel without IPv6: socket(AF_INET6) fails with EAFNOSUPPORT.
import koffi from 'koffi'

const [program, ...args] = process.argv.slice(2)
const systemCall = { x64: 41, arm64: 198 }[process.arch as string]
if (program === undefined || systemCall === undefined)
  throw new Error(`usage: without-ipv6.ts PROGRAM, on x64 or arm64`)

const [load, jumpIfEqual, answer] = [0x20, 0x15, 0x06]
const [allow, familyNotSupported] = [0x7fff0000, 0x00050000 + 97]
const filter: readonly (readonly [code: number, ifTrue: number, ifFalse: number, value: number])[] = [
  // The system call's number, then the low half of its first argument.
  [load, 0, 0, 0],
  [jumpIfEqual, 0, 3, systemCall],
  [load, 0, 0, 16],
  [jumpIfEqual, 0, 1, 10],
  [answer, 0, 0, familyNotSupported],
  [answer, 0, 0, allow],
]
const instructions = Buffer.alloc(filter.length * 8)
for (const [i, [code, ifTrue, ifFalse, value]] of filter.entries()) {
  instructions.writeUInt16LE(code, i * 8)
  instructions.writeUInt8(ifTrue, i * 8 + 2)
  instructions.writeUInt8(ifFalse, i * 8 + 3)
  instructions.writeUInt32LE(value, i * 8 + 4)
}

const Program = koffi.struct('sock_fprog', { len: 'uint16_t', filter: 'uint8_t *' })
const libc = koffi.load(null)
const noNewPrivileges = libc.func(
  'int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)',
)
const install = libc.func('prctl', 'int', [
  'int',
  'unsigned long',
  koffi.pointer(Program),
  'unsigned long',
  'unsigned long',
])
const [setNoNewPrivileges, setSeccomp, filterMode] = [38, 22, 2]
if (noNewPrivileges(setNoNewPrivileges, 1, 0, 0, 0) !== 0) throw new Error(`prctl: errno ${koffi.errno()}`)
if (install(setSeccomp, filterMode, { len: filter.length, filter: instructions }, 0, 0) !== 0) {
  throw new Error(`prctl: errno ${koffi.errno()}`)
}
// The filter is this thread's, and of whatever it becomes.
process.execve!(process.execPath, [process.execPath, program, ...args], process.env)
