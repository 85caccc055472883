/**
 * Bits of each symbol's code, 0 to 255 and the end of string (RFC 7541, appendix B). The code is canonical: among
 * codes of one length, in the order of symbols, each is one more than the last.
 */
const codeLengths = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
]

const endOfString = 256
/** Two entries a node: where a 0 and a 1 lead; from `leaf` on they are symbols. */
const leaf = 0x4000
const tree = buildTree()

/** The text that `bytes` stand for, each symbol one character of Latin-1; undefined when they are no valid code. */
export function decodeHuffman(bytes: Uint8Array): string | undefined {
  // No code is shorter than five bits.
  const text = Buffer.allocUnsafe(Math.floor((bytes.length * 8) / 5))
  let size = 0
  let node = 0
  let bits = 0
  let onlyOnes = true
  for (const byte of bytes) {
    for (let shift = 7; shift >= 0; shift--) {
      const bit = (byte >> shift) & 1
      const next = tree[node * 2 + bit]!
      bits += 1
      onlyOnes &&= bit === 1
      if (next < leaf) {
        node = next
        continue
      }
      if (next === leaf + endOfString) return undefined
      text[size++] = next - leaf
      node = 0
      bits = 0
      onlyOnes = true
    }
  }
  // What fills the last byte is the beginning of the end-of-string code, which is all ones.
  return bits < 8 && onlyOnes ? text.toString('latin1', 0, size) : undefined
}

function buildTree(): Uint16Array {
  const nodes = new Uint16Array(2 * endOfString)
  let used = 1
  let code = 0
  let length = 0
  const order = codeLengths.map((bits, symbol) => ({ bits, symbol })).sort((a, b) => a.bits - b.bits)
  for (const { bits, symbol } of order) {
    code *= 2 ** (bits - length)
    length = bits
    let node = 0
    for (let shift = bits - 1; shift > 0; shift--) {
      const at = node * 2 + ((code >> shift) & 1)
      nodes[at] ||= used++
      node = nodes[at]
    }
    nodes[node * 2 + (code & 1)] = leaf + symbol
    code += 1
  }
  return nodes
}
