{{/* Name of the release's objects. */}}
{{- define "aigw-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of cluster-wide objects: two releases of one name may live in two namespaces. */}}
{{- define "aigw-operator.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "aigw-operator.fullname" .) -}}
{{- end -}}

{{- define "aigw-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "aigw-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "aigw-operator.selectorLabels" -}}
app.kubernetes.io/name: aigw-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "aigw-operator.labels" -}}
{{ include "aigw-operator.selectorLabels" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: aigw
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "aigw-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "aigw-operator.installation" -}}
{{- required "installation is required: a name for this installation that is unique among the clusters of the AWS account and stays the same when the cluster is rebuilt, for example --set installation=prod-eu" .Values.installation -}}
{{- end -}}

{{/* What the operator may do in the namespaces it watches. Secrets are never listed or watched. */}}
{{- define "aigw-operator.watchedRules" -}}
- apiGroups: [aigateway.dev]
  resources: [aigateways, tenants]
  # patch: finalizers. The spec is never written, and objects are known from the watches.
  verbs: [list, watch, patch]
- apiGroups: [aigateway.dev]
  resources: [aigateways/status, tenants/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [secrets]
  # They go with their Tenant, which owns them.
  verbs: [get, create, patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
