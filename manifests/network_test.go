package manifests_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/gymline/gymline/internal/engine"
	"github.com/gymline/gymline/internal/engine/argo"
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/planner"
	"github.com/gymline/gymline/internal/store"
)

// trainers are trainings that only a cluster does.
const trainers = `train={agent: {container: {image: 'example.com/trainer:v1', command: [/train]}}, ` +
	`job: {trainJob: {runtime: torch, image: 'example.com/trainer:v1', command: [/train]}}}`

// pods are the labels of the pods of a shipped experiment, by template.
func pods(t *testing.T, name string, set ...string) map[string]map[string]string {
	t.Helper()
	file := filepath.Join("..", "configs", name)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e, err := experiment.Load(file, data, experiment.Options{Set: set, Stat: os.Stat, Read: os.ReadFile})
	if err != nil {
		t.Fatal(err)
	}
	inputs := map[string]store.Digest{}
	for name := range e.Spec.Inputs {
		inputs[name] = store.DigestOf([]byte(name))
	}
	p, err := planner.Plan(e, inputs, map[string]int{
		plan.JobGenerate: 1, plan.JobCurate: 1, plan.JobReward: 1, plan.JobExport: 1, plan.JobTrain: 1, plan.JobPredict: 1, plan.JobEvaluate: 1, plan.JobReport: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := argo.Compile(p, argo.Config{
		Env: func(*plan.Step) []engine.Variable { return nil }, TrainerKeys: map[string]argo.SecretKey{"AWS_ACCESS_KEY_ID": {Name: "t", Key: "k"}},
		Pods: 1, Deadline: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]string{}
	for _, of := range m.Template.Spec.Templates {
		if of.Container != nil || of.Resource != nil {
			found[of.Name] = of.Metadata.Labels
		}
	}
	return found
}

func selectedBy(t *testing.T, policies map[string]*networkingv1.NetworkPolicy, pod map[string]string) (names []string) {
	t.Helper()
	for name, p := range policies {
		s, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err != nil {
			t.Fatal(err)
		}
		if s.Matches(labels.Set(pod)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Every pod of every shipped experiment, and of the manifests, is selected by the
// policies that are meant for it and by no other.
func TestWhoseThePoliciesAre(t *testing.T) {
	t.Parallel()
	all := renderings(t)["all"]
	policies := of[*networkingv1.NetworkPolicy](all)
	check := func(what string, pod map[string]string, want ...string) {
		t.Helper()
		want = append(want, "gymline-deny", "gymline-dns")
		slices.Sort(want)
		if got := selectedBy(t, policies, pod); !slices.Equal(got, want) {
			t.Errorf("%s with %v: %q\nwant %q", what, pod, got, want)
		}
	}
	calling := map[string][]string{"openai.yaml": {"generate", "predict"}, "grid.yaml": {"predict"}} // all others have stand-ins
	files, err := filepath.Glob("../configs/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		set := map[string][]string{"handoff.yaml": {trainers}}[name]
		for template, pod := range pods(t, name, set...) {
			want := []string{"gymline-api"}
			if !strings.HasPrefix(template, "create-") {
				want = append(want, "gymline-store")
			}
			if slices.Contains(calling[name], template) {
				want = append(want, "gymline-models")
			}
			check(name+": "+template, pod, want...)
		}
	}
	check("a pod that tells of a run", map[string]string{"gymline/to-webhooks": "true"}, "gymline-webhooks")
	check("the controller", of[*appsv1.Deployment](all)["workflow-controller"].Spec.Template.Labels, "gymline-api")
	check("MinIO", of[*appsv1.StatefulSet](all)["minio"].Spec.Template.Labels, "minio")
	check("a pod of somebody else's", nil)
}

// reaches reports whether a policy lets its pods reach an address outside.
func reaches(t *testing.T, p *networkingv1.NetworkPolicy, address string) bool {
	t.Helper()
	at := netip.MustParseAddr(address)
	within := func(cidr string) bool { return netip.MustParsePrefix(cidr).Contains(at) }
	for _, rule := range p.Spec.Egress {
		if len(rule.To) == 0 || len(rule.Ports) == 0 {
			t.Fatalf("%s: a rule without bounds", p.Name)
		}
		for _, to := range rule.To {
			if to.IPBlock != nil && within(to.IPBlock.CIDR) && !slices.ContainsFunc(to.IPBlock.Except, within) {
				return true
			}
		}
	}
	return false
}

// No policy lets a pod reach where clouds tell machines their keys, nor, but for
// models, webhooks and the API server's place, anything outside; nobody is let in but to the
// store.
func TestWhatThePoliciesAllow(t *testing.T) {
	t.Parallel()
	policies := of[*networkingv1.NetworkPolicy](renderings(t)["all"])
	deny := policies["gymline-deny"].Spec
	if len(deny.PolicyTypes) != 2 || len(deny.Ingress)+len(deny.Egress) > 0 || len(deny.PodSelector.MatchLabels)+len(deny.PodSelector.MatchExpressions) > 0 {
		t.Errorf("gymline-deny: %+v", deny)
	}
	for name, p := range policies {
		for _, address := range []string{
			"169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23", "100.100.100.200", "168.63.129.16", "64:ff9b::a9fe:a9fe",
			"10.0.0.1", "10.96.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "127.0.0.1", "::1", "fd00::1", "fe80::1",
		} {
			if reaches(t, p, address) {
				t.Errorf("%s: %s can be reached", name, address)
			}
		}
		for _, public := range []string{"8.8.8.8", "2600::1"} {
			if got := reaches(t, p, public); got != (name == "gymline-models" || name == "gymline-webhooks") {
				t.Errorf("%s: %s can be reached: %v", name, public, got)
			}
		}
		if len(p.Spec.Ingress) > 0 && name != "minio" {
			t.Errorf("%s: somebody is let in", name)
		}
	}
	if !reaches(t, policies["gymline-api"], "192.0.2.1") { // what users replace
		t.Error("gymline-api has no place for the API server")
	}
}
