/** Levels of lists and mappings that a review may have; a pod has about fifteen. */
export const depthLimit = 100

export type ParsedJson =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly message: string }

/** Parses JSON that may have been made to do harm: nesting is measured before anything is built of it. */
export function parseJson(text: string): ParsedJson {
  if (depthOf(text) > depthLimit)
    return { kind: 'refused', message: `it nests deeper than ${depthLimit} levels` }
  try {
    return { kind: 'json', value: JSON.parse(text) }
  } catch {
    return { kind: 'refused', message: 'it is no JSON' }
  }
}

/** How deep brackets nest outside of strings, up to one past the limit. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (let i = 0; i < text.length && deepest <= depthLimit; i++) {
    const char = text.charCodeAt(i)
    if (char === quote) i = endOfString(text, i)
    else if (char === openBrace || char === openBracket) deepest = Math.max(deepest, ++depth)
    else if (char === closeBrace || char === closeBracket) depth--
  }
  return deepest
}

/** The index of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === quote) return i
    if (char === backslash) i++
  }
  return text.length
}

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
