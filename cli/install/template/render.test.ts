import { describe, expect, it } from 'vitest'
import { ChartMistake } from './mistake.ts'
import { parseTemplate } from './parse.ts'
import { render } from './render.ts'

const dot = {
  Values: {
    name: 'weft',
    none: '',
    zero: 0,
    replicas: 3,
    list: ['a', 'b'],
    empty: [],
    map: { b: 'two', a: [1, { c: 'x: y' }] },
    flag: false,
  },
}

describe('what the chart is written in', () => {
  it.each([
    ['plain text\n', 'plain text\n'],
    ['{{ .Values.name }}', 'weft'],
    ['a {{- .Values.name -}} b', 'aweftb'],
    ['a{{/* a comment with {{ "braces" }} */}}b', 'ab'],
    ['{{- /* trimmed\n too */ -}}\n x', 'x'],
    ['{{ .Values.replicas }} {{ .Values.flag }}', '3 false'],
    ['{{ "a \\"quoted\\" {{ text }}" }}', 'a "quoted" {{ text }}'],
    ['{{ .Values.name | quote }}', '"weft"'],
    ['{{ .Values.flag | quote }}', '"false"'],
    ['{{ .Values.none | default "other" }} {{ .Values.name | default "other" }}', 'other weft'],
    ['{{ if .Values.none }}a{{ else if .Values.zero }}b{{ else if .Values.name }}c{{ else }}d{{ end }}', 'c'],
    ['{{ if .Values.empty }}a{{ else }}b{{ end }}', 'b'],
    ['{{ if not .Values.flag }}a{{ end }}', 'a'],
    ['{{ if eq .Values.name "other" "weft" }}a{{ end }}', 'a'],
    ['{{ if gt (int .Values.replicas) 1 }}many{{ end }}', 'many'],
    ['{{ with .Values.none }}{{ . }}/{{ end }}x', 'x'],
    ['{{ with .Values.name }}{{ . }}/{{ $.Values.replicas }}{{ end }}', 'weft/3'],
    ['{{ range .Values.list }}<{{ . }}>{{ end }}', '<a><b>'],
    ['{{ range .Values.empty }}x{{ else }}none{{ end }}', 'none'],
    ['{{ range list "x" "y" }}{{ . }}{{ end }}', 'xy'],
    ['{{ $x := .Values.name }}{{ with .Values.list }}{{ $x }}{{ end }}', 'weft'],
    ['{{ $x := dict "a" 1 "b" .Values.name }}{{ $x.b }}{{ $x.a }}', 'weft1'],
    ['{{ define "n" }}[{{ .x }}{{ $.x }}]{{ end }}{{ include "n" (dict "x" "y") }}', '[yy]'],
    ['m:\n  {{- toYaml .Values.map | nindent 2 }}', 'm:\n  a:\n  - 1\n  - c: "x: y"\n  b: two'],
  ])('%j is %j', (template, expected) => {
    expect(rendered(template)).toBe(expected)
  })
})

describe('what it is not written in is refused, never passed over', () => {
  it.each([
    ['{{ .Values.nme }}', '.Values.nme is not there'],
    ['{{ .Values.name.first }}', '.Values.name.first is not there'],
    ['{{ .Values.constructor }}', '.Values.constructor is not there'],
    ['{{ $x }}', '$x is not set'],
    ['{{ upper .Values.name }}', 'upper is no function that this renderer knows'],
    ['{{ include "n" . }}', 'nothing is defined as n'],
    ['{{ .Values.map }}', 'a object cannot be written; use toYaml'],
    ['{{ range .Values.map }}{{ end }}', 'range goes over lists only'],
    ['{{ if .Values.name }}', 'if .Values.name }} is not closed'],
    ['{{ end }}', '{{ end }} closes nothing'],
    ['{{ .Values.name | .Values.name }}', 'after | a function must stand'],
    ['{{ eq (int 1 }}', 'a ) is missing'],
    ['{{ eq 1 | }}', 'something is missing'],
    ['{{ .Values.name ) }}', 'what is ) doing there?'],
    ['{{ #x }}', 'cannot read #x'],
    ['{{ .Values.name', '{{ is not closed'],
  ])('%j: %s', (template, message) => {
    expect(() => rendered(template)).toThrow(ChartMistake)
    expect(() => rendered(template)).toThrow(message)
  })
})

function rendered(template: string): string {
  const { body, definitions } = parseTemplate(template)
  return render(body, dot, definitions)
}
