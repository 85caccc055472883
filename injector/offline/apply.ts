import type { Operation } from '../patch/operation.ts'

/** A copy of a document with the operations applied. Throws for a path that leads nowhere: operations are our own. */
export function applyOperations(document: unknown, operations: readonly Operation[]): unknown {
  const changed: unknown = structuredClone(document)
  for (const operation of operations) {
    switch (operation.op) {
      case 'add':
        place(changed, operation.path, structuredClone(operation.value), 'insert')
        break
      case 'replace':
        place(changed, operation.path, structuredClone(operation.value), 'over')
        break
      case 'remove':
        take(changed, operation.path)
        break
      case 'move':
        place(changed, operation.path, take(changed, operation.from), 'insert')
        break
    }
  }
  return changed
}

type Holder = unknown[] | Record<string, unknown>

function place(document: unknown, path: string, value: unknown, how: 'insert' | 'over'): void {
  const { holder, key } = find(document, path)
  if (!Array.isArray(holder)) holder[key] = value
  else if (key === '-') holder.push(value)
  else holder.splice(Number(key), how === 'over' ? 1 : 0, value)
}

function take(document: unknown, path: string): unknown {
  const { holder, key } = find(document, path)
  if (Array.isArray(holder)) return holder.splice(Number(key), 1)[0]
  const value = holder[key]
  delete holder[key]
  return value
}

/** The list or mapping that a pointer's last step is in. */
function find(document: unknown, path: string): { holder: Holder; key: string } {
  const steps = path.split('/').slice(1).map(unescape)
  const key = steps.pop()!
  const holder = steps.reduce((at, step) => (at as Record<string, unknown> | undefined)?.[step], document)
  if (typeof holder !== 'object' || holder === null) throw new Error(`nothing is at ${path}`)
  return { holder: holder as Holder, key }
}

function unescape(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}
