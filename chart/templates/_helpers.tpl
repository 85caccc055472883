{{- /* What every object of weft is found by. */ -}}
{{- define "weft.labels" -}}
app.kubernetes.io/name: weft
app.kubernetes.io/part-of: weft
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* As above, for the objects of one component: (dict "root" $ "component" "injector"). */ -}}
{{- define "weft.componentLabels" -}}
{{ include "weft.labels" .root }}
{{ include "weft.selector" . }}
{{- end }}

{{- /* What never changes of a component's labels. */ -}}
{{- define "weft.selector" -}}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/instance: weft
{{- end }}

{{- define "weft.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end }}weft/{{ .component }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- /* Where the pods of a component go: (dict "root" $ "component" "injector" "values" .Values.injector). */ -}}
{{- define "weft.scheduling" -}}
{{- with .root.Values.image.pullSecrets -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{ end -}}
{{- with .values.priorityClassName -}}
priorityClassName: {{ . }}
{{ end -}}
{{- with .values.nodeSelector -}}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{ end -}}
{{- with .values.tolerations -}}
tolerations:
  {{- toYaml . | nindent 2 }}
{{ end -}}
topologySpreadConstraints:
{{- $context := . }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ if eq . "kubernetes.io/hostname" }}{{ $context.values.spread }}{{ else }}ScheduleAnyway{{ end }}
    labelSelector:
      matchLabels:
        {{- include "weft.selector" $context | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}

{{- define "weft.podSecurity" -}}
runAsNonRoot: true
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "weft.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}
