package argo

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gymline/gymline/internal/plan"
)

// What one object may be, in bytes: Argo's MAX_WORKFLOW_SIZE. A third is kept for
// messages, retries and what other versions of Argo add.
const (
	maxObject = 1 << 20
	budget    = maxObject * 2 / 3
)

// maxCollision bounds the chance that two nodes of a Workflow get one ID, upon
// which Argo silently skips one: IDs are 32-bit hashes of their names.
const maxCollision = 0.01

// checkSize forecasts what the Workflow grows to.
func (m *Manifests) checkSize(p *plan.Plan, c Config) error {
	var problems []error
	for _, object := range m.objects() {
		data, err := json.Marshal(object)
		if err != nil {
			return err
		}
		if len(data) > budget {
			problems = append(problems, fmt.Errorf("a manifest of %d bytes, and Argo holds %d: use fewer candidates, trainings or environment variables", len(data), budget))
		}
	}
	nodes := forecast(p, c)
	advice := fmt.Sprintf("lower spec.argo.pods of the profile, now %d: a pod then does several shards", c.Pods)
	if chance := collision(len(nodes)); chance > maxCollision {
		problems = append(problems, fmt.Errorf("a Workflow of %d nodes: the chance that Argo confuses two of them is %.0f%%, and 1%% is allowed; %s", len(nodes), 100*chance, advice))
	}
	// Argo keeps the nodes as plain JSON while that fits, and compressed after that.
	data, err := json.Marshal(nodes)
	if err != nil {
		return err
	}
	if len(data) > budget {
		packed, err := packJSON(data)
		if err != nil {
			return err
		}
		if len(packed) > budget {
			problems = append(problems, fmt.Errorf("a Workflow of %d nodes: its status takes about %d bytes compressed, and Argo holds %d; %s", len(nodes), len(packed), budget, advice))
		}
	}
	return errors.Join(problems...)
}

// collision is the chance that n hashes of 32 bits are not all different (the birthday bound).
func collision(n int) float64 { return -math.Expm1(-float64(n) * float64(n) / 2 / (1 << 32)) }

// forecast is the status of a run that went well: a node for the workflow, each
// task, each pod and its retries' parent.
func forecast(p *plan.Plan, c Config) wfv1.Nodes {
	nodes := wfv1.Nodes{}
	wf := &wfv1.Workflow{ObjectMeta: metav1.ObjectMeta{Name: p.Experiment + "-99999"}}
	at := metav1.Time{Time: time.Unix(1, 0).UTC()}
	var add func(name, template string, kind wfv1.NodeType, shard string)
	add = func(name, template string, kind wfv1.NodeType, shard string) {
		n := wfv1.NodeStatus{
			ID: wf.NodeID(name), Name: name, DisplayName: name, Type: kind, TemplateName: template,
			TemplateScope: "local/" + p.Experiment, Phase: wfv1.NodeSucceeded, BoundaryID: wf.Name,
			StartedAt: at, FinishedAt: at, Progress: "1/1", HostNodeName: "node",
			ResourcesDuration: wfv1.ResourcesDuration{"cpu": 1, "memory": 10},
		}
		if shard != "" {
			n.Inputs = &wfv1.Inputs{Parameters: []wfv1.Parameter{{Name: "shard", Value: wfv1.AnyStringPtr(shard)}}}
		}
		// The hash of a name is as good as random, and so is what stands for a pod's times.
		at = metav1.Time{Time: at.Add(time.Duration(len(nodes)%7) * time.Second)}
		nodes[n.ID] = n
		if kind == wfv1.NodeTypeRetry {
			n.Children = []string{wf.NodeID(name + "(0)")}
			nodes[n.ID] = n
			add(name+"(0)", template, wfv1.NodeTypePod, shard)
		}
	}
	add(wf.Name, entrypoint, wfv1.NodeTypeDAG, "")
	add(wf.Name+".onExit", sealTemplate, wfv1.NodeTypeRetry, "")
	add(wf.Name+"."+openTemplate, openTemplate, wfv1.NodeTypeRetry, "")
	for i := range p.Steps {
		s := &p.Steps[i]
		add(wf.Name+"."+string(s.Name), string(s.Name), wfv1.NodeTypeTaskGroup, "")
		for shard := range c.pods(s) {
			n := strconv.Itoa(shard)
			add(fmt.Sprintf("%s.%s(%s:%s)", wf.Name, s.Name, n, n), string(s.Name), wfv1.NodeTypeRetry, n)
		}
	}
	return nodes
}
