import Table from 'cli-table3'

/** Where a table is to be shown. */
export interface Terminal {
  readonly isTTY?: boolean
  /** Width of the terminal in characters. */
  readonly columns?: number
}

/** Rows under a head: with borders on a terminal that is wide enough for them, in plain columns elsewhere. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { isTTY = false, columns = 80 }: Terminal = process.stdout,
): string {
  const bordered = isTTY ? render(head, rows, {}) : ''
  const fits = bordered !== '' && bordered.indexOf('\n') <= columns
  return fits ? bordered : trimmed(render(head, rows, { chars: noBorders, plain: true }))
}

/** Names and values in two columns; a value that is undefined is left out. */
export function fields(rows: readonly (readonly [name: string, value: string | undefined])[]): string {
  const written = rows.filter(([, value]) => value !== undefined)
  const width = Math.max(...written.map(([name]) => name.length))
  return written.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

interface Look {
  readonly chars?: typeof noBorders
  readonly plain?: boolean
}

function render(head: readonly string[], rows: readonly (readonly string[])[], look: Look): string {
  const padding = look.plain ? { 'padding-left': 0, 'padding-right': 2 } : {}
  const made = new Table({
    head: [...head],
    // Colours of its own choice are no help where red means refused.
    style: { head: [], border: [], ...padding },
    ...(look.chars && { chars: look.chars }),
  })
  made.push(...rows.map((row) => [...row]))
  return made.toString()
}

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
}

function trimmed(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
