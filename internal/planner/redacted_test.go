package planner

import (
	"fmt"
	"testing"

	"github.com/gymline/gymline/internal/plan"
)

// An export is redacted as the gym's models saw what it holds, or as the experiment says.
func TestRedactedExports(t *testing.T) {
	const text = `
apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: x}
spec:
  inputs: {in: {}}
  models:
    sim: {provider: sim}
    real: {provider: openai, baseURL: 'http://127.0.0.1/v1', model: m}
    own: {provider: openai, baseURL: 'http://127.0.0.1/v1', model: m, redact: false}
  generate:
    scenes: {file: {input: in, path: scenes.yaml}}
    models: {user: %s, environment: real, agent: %s}
  export: {data: {gym: true, proactivebench: {input: in, path: '.'}}%s}
`
	for _, c := range []struct{ user, agent, says, want string }{
		{"sim", "sim", "", "map[]"},
		{"real", "own", "", "map[reward:[gym]]"},
		{"sim", "real", "", "map[agent:[gym]]"},
		{"real", "real", "", "map[agent:[gym] reward:[gym]]"},
		{"real", "real", ", sets: [agent]", "map[agent:[gym]]"},
		{"real", "real", ", redact: false", "map[]"},
		{"sim", "own", ", redact: true", "map[agent:[gym proactivebench] reward:[gym proactivebench]]"},
	} {
		p := planOf(t, fmt.Sprintf(text, c.user, c.agent, c.says))
		if got := fmt.Sprint(params[plan.Export](t, p.Step(plan.JobExport).Share).Redact); got != c.want {
			t.Errorf("user %s, agent %s%s: %s, want %s", c.user, c.agent, c.says, got, c.want)
		}
	}
}
