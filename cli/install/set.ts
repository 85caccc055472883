import { Failure } from '../failure.ts'
import type { Values } from './values.ts'

/**
 * Reads what stands behind `--set`, as Helm does: `a.b=1,c={x,y}`, with a backslash before a comma, dot or brace that is
 * meant as such. The later go over the earlier. Throws Failure for what is no assignment.
 */
export function parseSet(text: string): Values[] {
  return splitUnescaped(text, ',', 'outside').map(assignment)
}

function assignment(text: string): Values {
  const [key = '', ...rest] = splitUnescaped(text, '=', 'anywhere')
  const keys = splitUnescaped(key.trim(), '.', 'anywhere').map(unescaped)
  if (rest.length === 0 || keys.some((name) => name === '')) {
    throw wrong(text, 'write key=value, e.g. controlPlane.replicas=3')
  }
  if (keys.some((name) => /[[\]]/.test(name))) {
    throw wrong(text, 'places in lists cannot be set; write the whole list, {a,b}, or a file for --values')
  }
  return keys.reduceRight<unknown>((value, name) => ({ [name]: value }), written(rest.join('='))) as Values
}

function written(text: string): unknown {
  if (/^\{.*\}$/.test(text)) {
    return splitUnescaped(text.slice(1, -1), ',', 'anywhere').map((item) => scalar(unescaped(item)))
  }
  return scalar(unescaped(text))
}

/** A number that begins with 0 is a text, so that 0755 stays what it is. */
function scalar(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  if (text === 'null') return null
  return /^(0|-?[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text
}

/** Cuts at a separator that no backslash stands before, and that is not in braces where only outside counts. */
function splitUnescaped(text: string, separator: string, where: 'outside' | 'anywhere'): string[] {
  const parts = ['']
  let braces = 0
  for (let index = 0; index < text.length; index++) {
    const char = text[index]!
    if (char === '\\') {
      parts.push(parts.pop()! + char + (text[++index] ?? ''))
      continue
    }
    if (where === 'outside') braces += char === '{' ? 1 : char === '}' ? -1 : 0
    if (char === separator && braces <= 0) parts.push('')
    else parts.push(parts.pop()! + char)
  }
  return parts
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, '$1')
}

function wrong(text: string, instead: string): Failure {
  return new Failure(`weft install: --set ${text}: ${instead}`, { status: 2 })
}
