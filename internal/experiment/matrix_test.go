package experiment

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// A matrix is nothing but its candidates, in the order of the file.
func TestMatrixIsItsCandidates(t *testing.T) {
	text := read(t, "testdata/good/matrix.yaml")
	from, to := strings.Index(text, `      - name: "{model}`), strings.Index(text, "      - {name: hot")
	written := text[:from]
	for _, model := range []string{"small", "large"} {
		for _, temperature := range []string{"0", "0.70", "1.2"} {
			written += fmt.Sprintf("      - {name: %s-t%s, model: %s, temperature: %s}\n", model, temperature, model, temperature)
		}
	}
	written += "      - {name: terse-small-64, topP: 0.9, prompt: terse, model: small, maxTokens: 64}\n"
	written += "      - {name: warm-small-64, topP: 0.9, prompt: warm, model: small, maxTokens: 64}\n" + text[to:]
	a, err := Load("a.yaml", []byte(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Load("b.yaml", []byte(written), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a.Spec, b.Spec) {
		x, _ := json.MarshalIndent(a.Spec.Evaluate, "", " ")
		y, _ := json.MarshalIndent(b.Spec.Evaluate, "", " ")
		t.Errorf("a matrix\n%s\nwritten out\n%s", x, y)
	}
	small := a.Spec.Evaluate.Candidates[0]
	if asked := a.Spec.Asked(small); *asked.Temperature != 0 || asked.Model != "small" || *a.Spec.Models["small"].Temperature != 1 {
		t.Errorf("%+v", asked)
	}
	if hot := a.Spec.Asked(a.Spec.Evaluate.Candidates[8]); *hot.Temperature != 2 {
		t.Errorf("%+v", hot)
	}
	if sim := a.Spec.Asked(a.Spec.Evaluate.Candidates[9]); *sim.Skill != .5 || *a.Spec.Models["sim"].Skill != .8 {
		t.Errorf("%+v", sim)
	}
}

// An override reaches into a matrix before it is written out, and what is wrong with it
// is told where the override is.
func TestMatrixIsOverridden(t *testing.T) {
	text := []byte(read(t, "testdata/good/matrix.yaml"))
	e, err := Load("a.yaml", text, Options{Set: []string{"evaluate.candidates.0.matrix.temperature=[0.5]", "evaluate.candidates[1]=null", "prompts=null", "inputs.texts=null"}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range e.Spec.Evaluate.Candidates {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, " "); got != "small-t0.5 large-t0.5 hot sim-0.5 published" {
		t.Error(got)
	}
	_, err = Load("a.yaml", text, Options{Set: []string{"evaluate.candidates.0.matrix.temperature=[0, 9]"}})
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 || !strings.HasPrefix(problems[0].File, "--set evaluate.candidates.0.matrix.temperature") {
		t.Errorf("%v", err)
	}
}
