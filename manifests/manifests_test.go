// Package manifests_test holds what is shipped for Kubernetes to what is promised
// about it: least rights, restricted pods, no secret.
package manifests_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// kinds are all that the manifests may hold, each decoded strictly.
var kinds = map[string]func() runtime.Object{
	"v1/Namespace":                             func() runtime.Object { return new(corev1.Namespace) },
	"v1/ServiceAccount":                        func() runtime.Object { return new(corev1.ServiceAccount) },
	"v1/ConfigMap":                             func() runtime.Object { return new(corev1.ConfigMap) },
	"v1/Secret":                                func() runtime.Object { return new(corev1.Secret) },
	"v1/Service":                               func() runtime.Object { return new(corev1.Service) },
	"apps/v1/Deployment":                       func() runtime.Object { return new(appsv1.Deployment) },
	"apps/v1/StatefulSet":                      func() runtime.Object { return new(appsv1.StatefulSet) },
	"networking.k8s.io/v1/NetworkPolicy":       func() runtime.Object { return new(networkingv1.NetworkPolicy) },
	"rbac.authorization.k8s.io/v1/Role":        func() runtime.Object { return new(rbacv1.Role) },
	"rbac.authorization.k8s.io/v1/RoleBinding": func() runtime.Object { return new(rbacv1.RoleBinding) },
}

// kubectl returns the program that renders; where CI forbids skipping, a missing one fails.
func kubectl(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("GYMLINE_KUBECTL"), "../.cache/kubernetes/kubectl", "kubectl"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no kubectl in GYMLINE_KUBECTL, .cache/kubernetes or PATH"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// renderings are what users install: each overlay, and all of it together.
func renderings(t *testing.T) map[string][]runtime.Object {
	program := kubectl(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	// Reading what kubectl will read tells go test's cache that it matters.
	err = filepath.WalkDir(here, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			_, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := t.TempDir()
	rel, err := filepath.Rel(all, here)
	if err != nil {
		t.Fatal(err)
	}
	file := "sortOptions: {order: legacy}\n" +
		"resources: [" + rel + "/overlays/minio]\n" +
		"components: [" + rel + "/components/controller, " + rel + "/components/trainjob, " + rel + "/components/network]\n" +
		"images: [{name: minio, newName: example.test/minio, newTag: '1'}, {name: workflow-controller, newName: example.test/controller, newTag: '2'}]\n"
	if err := os.WriteFile(filepath.Join(all, "kustomization.yaml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	rendered := map[string][]runtime.Object{}
	for name, dir := range map[string]string{"base": "base", "minio": "overlays/minio", "existing-store": "overlays/existing-store", "all": all} {
		cmd := exec.Command(program, "kustomize", dir)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || stderr.Len() > 0 {
			t.Fatalf("kustomize %s: %v\n%s", name, err, &stderr)
		}
		rendered[name] = decode(t, string(out))
	}
	return rendered
}

func decode(t *testing.T, stream string) []runtime.Object {
	t.Helper()
	var objects []runtime.Object
	for _, document := range strings.Split(stream, "\n---\n") {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &meta); err != nil {
			t.Fatal(err)
		}
		kind, ok := kinds[meta.APIVersion+"/"+meta.Kind]
		if !ok {
			t.Fatalf("%s/%s is not expected here", meta.APIVersion, meta.Kind)
		}
		object := kind()
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		objects = append(objects, object)
	}
	return objects
}

// of returns the objects of one kind by name.
func of[T metav1.Object](objects []runtime.Object) map[string]T {
	found := map[string]T{}
	for _, object := range objects {
		if o, ok := object.(T); ok {
			found[o.GetName()] = o
		}
	}
	return found
}

func TestManifests(t *testing.T) {
	for name, objects := range renderings(t) {
		t.Run(name, func(t *testing.T) {
			namespace(t, objects)
			accounts(t, objects)
			roles(t, objects)
			secrets(t, objects)
			controllerConfig(t, of[*corev1.ConfigMap](objects)["workflow-controller-configmap"])
			for name, d := range of[*appsv1.Deployment](objects) {
				restricted(t, name, d.Spec.Template.Spec)
				selects(t, name, d.Spec.Selector, d.Spec.Template.Labels)
			}
			for name, s := range of[*appsv1.StatefulSet](objects) {
				restricted(t, name, s.Spec.Template.Spec)
				selects(t, name, s.Spec.Selector, s.Spec.Template.Labels)
			}
		})
	}
}

func TestWhatIsInstalled(t *testing.T) {
	rendered := renderings(t)
	if !reflect.DeepEqual(rendered["base"], rendered["existing-store"]) {
		t.Error("existing-store is not the base alone")
	}
	all := rendered["all"]
	if got := of[*appsv1.Deployment](all)["workflow-controller"].Spec.Template.Spec.Containers[0].Image; got != "example.test/controller:2" {
		t.Errorf("the controller's image is %s", got)
	}
	server := of[*appsv1.StatefulSet](all)["minio"]
	if got := server.Spec.Template.Spec.Containers[0].Image; got != "example.test/minio:1" {
		t.Errorf("MinIO's image is %s", got)
	}
	for _, e := range server.Spec.Template.Spec.Containers[0].Env {
		if strings.HasPrefix(e.Name, "MINIO_ROOT_") && (e.Value != "" || e.ValueFrom.SecretKeyRef.Name != "minio-root") {
			t.Errorf("%s is not a reference to minio-root", e.Name)
		}
	}
	service, policy := of[*corev1.Service](all)["minio"], of[*networkingv1.NetworkPolicy](all)["minio"]
	for what, labels := range map[string]map[string]string{"service": service.Spec.Selector, "policy": policy.Spec.PodSelector.MatchLabels} {
		selects(t, what, &metav1.LabelSelector{MatchLabels: labels}, server.Spec.Template.Labels)
	}
	if service.Spec.Ports[0].Port != 9000 {
		t.Errorf("MinIO's port is %d", service.Spec.Ports[0].Port)
	}
	for _, rule := range policy.Spec.Ingress {
		for _, from := range rule.From {
			if from.NamespaceSelector != nil || from.IPBlock != nil {
				t.Error("MinIO is open beyond its namespace")
			}
		}
	}
}

func namespace(t *testing.T, objects []runtime.Object) {
	ns := of[*corev1.Namespace](objects)["gymline"]
	if ns == nil {
		t.Fatal("no namespace gymline")
	}
	for _, mode := range []string{"enforce", "audit", "warn"} {
		key := "pod-security.kubernetes.io/" + mode
		if ns.Labels[key] != "restricted" || ns.Labels[key+"-version"] != "latest" {
			t.Errorf("%s: %s at %s", key, ns.Labels[key], ns.Labels[key+"-version"])
		}
	}
	for _, object := range objects {
		o := object.(metav1.Object)
		if o != metav1.Object(ns) && o.GetNamespace() != "gymline" {
			t.Errorf("%s is in namespace %q", o.GetName(), o.GetNamespace())
		}
	}
}

func accounts(t *testing.T, objects []runtime.Object) {
	found := of[*corev1.ServiceAccount](objects)
	for _, name := range []string{"gymline-job", "gymline-executor", "gymline-submitter", "workflow-controller"} {
		if found[name] == nil {
			t.Errorf("no service account %s", name)
		}
	}
	for name, account := range found {
		if account.AutomountServiceAccountToken == nil || *account.AutomountServiceAccountToken {
			t.Errorf("%s: its token is mounted unasked", name)
		}
	}
	for name, binding := range of[*rbacv1.RoleBinding](objects) {
		if of[*rbacv1.Role](objects)[binding.RoleRef.Name] == nil || binding.RoleRef.Kind != "Role" {
			t.Errorf("%s binds the unknown %s %s", name, binding.RoleRef.Kind, binding.RoleRef.Name)
		}
		for _, subject := range binding.Subjects {
			if subject.Kind != rbacv1.ServiceAccountKind || found[subject.Name] == nil || subject.Namespace != "gymline" {
				t.Errorf("%s binds to %v", name, subject)
			}
			if subject.Name == "gymline-job" {
				t.Errorf("%s gives rights to gymline-job", name)
			}
		}
	}
}

func roles(t *testing.T, objects []runtime.Object) {
	found := of[*rbacv1.Role](objects)
	want := []rbacv1.PolicyRule{{APIGroups: []string{"argoproj.io"}, Resources: []string{"workflowtaskresults"}, Verbs: []string{"create", "patch"}}}
	if got := found["gymline-executor"].Rules; !reflect.DeepEqual(got, want) {
		t.Errorf("gymline-executor may %v", got)
	}
	for name, role := range found {
		for _, rule := range role.Rules {
			for _, word := range slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs) {
				if strings.Contains(word, "*") || word == "escalate" || word == "bind" || word == "impersonate" {
					t.Errorf("%s has %q", name, word)
				}
			}
			if slices.Contains(rule.Resources, "secrets") {
				t.Errorf("%s may read Secrets", name)
			}
		}
	}
}

// secrets hold no data, and stand after their accounts: Kubernetes deletes the
// Secret of an account that is not there yet.
func secrets(t *testing.T, objects []runtime.Object) {
	for name, s := range of[*corev1.Secret](objects) {
		if len(s.Data)+len(s.StringData) > 0 {
			t.Errorf("Secret %s holds data", name)
		}
		account := s.Annotations[corev1.ServiceAccountNameKey]
		if s.Type != corev1.SecretTypeServiceAccountToken || name != account+".service-account-token" {
			t.Errorf("Secret %s of type %s is for %q: Argo would not find it", name, s.Type, account)
		}
		at := func(name string, like runtime.Object) int {
			return slices.IndexFunc(objects, func(o runtime.Object) bool {
				return o.(metav1.Object).GetName() == name && reflect.TypeOf(o) == reflect.TypeOf(like)
			})
		}
		if i := at(account, new(corev1.ServiceAccount)); i < 0 || i > at(name, s) {
			t.Errorf("Secret %s stands before its account", name)
		}
	}
}

// controllerConfig decodes the settings as Argo does, those that are used.
func controllerConfig(t *testing.T, cm *corev1.ConfigMap) {
	var config struct {
		Parallelism          int `json:"parallelism"`
		WorkflowRestrictions struct {
			TemplateReferencing string `json:"templateReferencing"`
		} `json:"workflowRestrictions"`
		Executor         corev1.Container `json:"executor"`
		WorkflowDefaults struct {
			Spec struct {
				TTLStrategy struct {
					SecondsAfterCompletion int `json:"secondsAfterCompletion"`
				} `json:"ttlStrategy"`
			} `json:"spec"`
		} `json:"workflowDefaults"`
	}
	if len(cm.Data) != 1 {
		t.Errorf("the controller's configuration has %d keys", len(cm.Data))
	}
	if err := yaml.UnmarshalStrict([]byte(cm.Data["config"]), &config); err != nil {
		t.Fatal(err)
	}
	if config.WorkflowRestrictions.TemplateReferencing != "Secure" || config.Parallelism != 10 || config.WorkflowDefaults.Spec.TTLStrategy.SecondsAfterCompletion != 604800 {
		t.Errorf("the controller's configuration: %+v", config)
	}
	restricted(t, "executor", corev1.PodSpec{
		AutomountServiceAccountToken: new(bool), // Gymline's workflows say so
		Containers:                   []corev1.Container{config.Executor},
	})
}

// restricted holds a pod to the restricted profile and to more: a read-only root
// file system, and resources.
func restricted(t *testing.T, name string, pod corev1.PodSpec) {
	t.Helper()
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Errorf("%s: shares the host's namespaces", name)
	}
	if pod.AutomountServiceAccountToken == nil {
		t.Errorf("%s: does not say whether a token is mounted", name)
	}
	for _, v := range pod.Volumes {
		if v.HostPath != nil {
			t.Errorf("%s: volume %s is of the host", name, v.Name)
		}
		if v.EmptyDir != nil && v.EmptyDir.SizeLimit.IsZero() {
			t.Errorf("%s: volume %s has no bound", name, v.Name)
		}
	}
	ps := pod.SecurityContext
	if ps == nil {
		ps = new(corev1.PodSecurityContext)
	}
	yes := func(p *bool) bool { return p != nil && *p }
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		s := c.SecurityContext
		if s == nil {
			t.Errorf("%s: container %s has no securityContext", name, c.Name)
			continue
		}
		seccomp := s.SeccompProfile
		if seccomp == nil {
			seccomp = ps.SeccompProfile
		}
		for rule, ok := range map[string]bool{
			"runAsNonRoot":             yes(s.RunAsNonRoot) || s.RunAsNonRoot == nil && yes(ps.RunAsNonRoot),
			"seccompProfile":           seccomp != nil && seccomp.Type == corev1.SeccompProfileTypeRuntimeDefault,
			"drop ALL":                 s.Capabilities != nil && slices.Contains(s.Capabilities.Drop, "ALL") && len(s.Capabilities.Add) == 0,
			"allowPrivilegeEscalation": s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation,
			"readOnlyRootFilesystem":   yes(s.ReadOnlyRootFilesystem),
			"privileged":               !yes(s.Privileged),
			"requests":                 given(c.Resources.Requests),
			"limits":                   given(c.Resources.Limits),
		} {
			if !ok {
				t.Errorf("%s: container %q fails %s", name, c.Name, rule)
			}
		}
	}
}

func given(list corev1.ResourceList) bool {
	return !list.Cpu().IsZero() && !list.Memory().IsZero() && !list.StorageEphemeral().IsZero()
}

func selects(t *testing.T, name string, selector *metav1.LabelSelector, labels map[string]string) {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range selector.MatchLabels {
		if labels[key] != value {
			t.Errorf("%s: %s does not select %v", name, s, labels)
		}
	}
}
