import { ChartMistake } from './mistake.ts'

/** A template cut into what is written as it is and what is done. */
export type Token =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly source: string }

const action = /\{\{(- )?(\s*\/\*[\s\S]*?\*\/\s*|(?:"(?:[^"\\]|\\.)*"|`[^`]*`|[^"`])*?)( -)?\}\}/g

/** Cuts a template at its actions; comments are left out, and `{{- ` and ` -}}` take the white space beside them. */
export function tokenize(template: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  let trim = false
  const text = (upTo: number, trimEnd: boolean): void => {
    let piece = template.slice(at, upTo)
    if (trim) piece = piece.trimStart()
    if (trimEnd) piece = piece.trimEnd()
    if (piece.includes('{{'))
      throw new ChartMistake(`${piece.slice(piece.indexOf('{{'), 40)}: the {{ is not closed`)
    if (piece !== '') tokens.push({ kind: 'text', text: piece })
  }
  for (const match of template.matchAll(action)) {
    const [whole, trimBefore, body = '', trimAfter] = match
    text(match.index, trimBefore !== undefined)
    const source = body.trim()
    if (!source.startsWith('/*')) tokens.push({ kind: 'action', source })
    at = match.index + whole.length
    trim = trimAfter !== undefined
  }
  text(template.length, false)
  return tokens
}
