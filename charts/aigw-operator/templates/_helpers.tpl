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
{{ include "aigw-operator.commonLabels" . }}
{{- end -}}

{{/* Labels of everything, also of what is no part of the operator. */}}
{{- define "aigw-operator.commonLabels" -}}
app.kubernetes.io/part-of: aigw
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Annotations of an object: those of all objects, and its own, which win. Takes (list . own indentation). */}}
{{- define "aigw-operator.annotations" -}}
{{- $root := index . 0 -}}
{{- $indentation := index . 2 -}}
{{- with merge (dict) (index . 1) $root.Values.commonAnnotations -}}
{{- printf "annotations:\n%s" (toYaml . | indent 2) | nindent $indentation -}}
{{- end -}}
{{- end -}}

{{/* What the schema cannot say. */}}
{{- define "aigw-operator.checks" -}}
{{- if and (not .Values.leaderElection.enabled) (gt (int .Values.replicaCount) 1) -}}
{{- fail "leaderElection.enabled=false needs replicaCount=1: two replicas without a lease would both write to AWS" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) -}}
{{- fail "serviceMonitor.enabled needs service.enabled" -}}
{{- end -}}
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
