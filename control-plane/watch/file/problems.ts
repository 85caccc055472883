/** Keys, and list positions from 0. */
export type Path = readonly (string | number)[]

/** What is wrong at one place of the registry file, and what to write instead. */
export interface Problem {
  readonly path: Path
  readonly message: string
}

/** A problem with its place in the text. */
export interface LocatedProblem extends Problem {
  /** Both count from 1. */
  readonly line: number
  readonly column: number
}

/** `mesh.yaml:12:9 services[0].ports[1].targetPort: ...`, a form that editors can jump to. */
export function formatProblem(file: string, { line, column, path, message }: LocatedProblem): string {
  const place = formatPath(path)
  return `${file}:${line}:${column} ${place === '' ? '' : `${place}: `}${message}`
}

export function formatPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    if (!/^[\w$-]+$/.test(key)) return `${text}[${JSON.stringify(key)}]`
    return text === '' ? key : `${text}.${key}`
  }, '')
}
