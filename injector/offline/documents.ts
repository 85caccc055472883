import {
  CST,
  type Document,
  type DocumentOptions,
  Parser,
  parseDocument,
  type SchemaOptions,
  stringify,
} from 'yaml'

/** One document of a YAML or JSON file. */
export interface WrittenDocument {
  /** As it was written, with what separates it from the one before. */
  readonly source: string
  /** As kubectl reads it; null when empty. */
  readonly value: unknown
}

/** Reads a file as kubectl does; throws an Error that names line and column of what is no YAML. */
export function readDocuments(text: string): readonly WrittenDocument[] {
  const documents: WrittenDocument[] = []
  let source = ''
  let line = 0
  for (const token of new Parser().parse(text)) {
    source += CST.stringify(token)
    if (token.type !== 'document') continue
    documents.push({ source, value: valueOf(parseDocument(source, dialect), line) })
    line += source.split('\n').length - 1
    source = ''
  }
  // What follows the last document, a comment say, holds no object but is kept.
  return source === '' ? documents : [...documents, { source, value: null }]
}

export function writeYaml(value: unknown): string {
  // All of YAML 1.1 here, so that texts that look like dates to others are quoted.
  return stringify(value, { version: '1.1', lineWidth: 0, indentSeq: false, aliasDuplicateObjects: false })
}

// kubectl reads YAML 1.1, where 0644 is octal and `on` a boolean, but knows no dates and no numbers to base 60.
const dialect: DocumentOptions & SchemaOptions = {
  version: '1.1',
  customTags: (tags) =>
    tags.filter(
      (tag) => typeof tag === 'string' || (!tag.tag.endsWith(':timestamp') && tag.format !== 'TIME'),
    ),
}

function valueOf(document: Document, linesBefore: number): unknown {
  const [error] = document.errors
  if (!error) return document.toJS()
  const at = error.linePos?.[0]
  const message = error.message.split(' at line ')[0]
  throw new Error(at ? `line ${linesBefore + at.line}, column ${at.col}: ${message}` : message)
}
