const flags = { kubectl: '--context', helm: '--kube-context' } as const

/** Where a command looked, as its flags said it; undefined is what holds without the flag. */
export interface Place {
  /** A context of the kubeconfig. */
  readonly context: string | undefined
  /** The mesh's own namespace. */
  readonly namespace: string
}

/** A command line for people to type, which acts on the cluster that was looked at and not on kubectl's current one. */
export function atContext(line: string, context: string | undefined): string {
  if (context === undefined) return line
  return line.replace(
    /(?<=^|\| )(kubectl|helm)(?= )/g,
    (tool) => `${tool} ${flags[tool as keyof typeof flags]} ${word(context)}`,
  )
}

/** The flags, each with a space ahead, by which a command of weft looks at the same place. */
export function flagsOf({ context, namespace }: Place, namespaceFlag = '--namespace'): string {
  return [
    ...(context === undefined ? [] : [` --context ${word(context)}`]),
    ...(namespace === 'weft-system' ? [] : [` ${namespaceFlag} ${namespace}`]),
  ].join('')
}

/** One word of a shell, whatever is in it. */
export function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
