package diff

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/why"
)

// A Prompt is a text that models are asked with, by who is. "" is the built-in one, which
// the job's format tells apart.
type Prompt struct {
	Of   string `json:"of"`
	Was  string `json:"was"`
	Is   string `json:"is"`
	Same bool   `json:"equal,omitempty"`
	// Names are what the experiments call the texts; "" of built-in ones.
	WasName string `json:"wasName,omitempty"`
	IsName  string `json:"isName,omitempty"`
}

// Lines are those that only one of the texts has, between what both begin and end with.
func (p *Prompt) Lines() (was, is []string) {
	was, is = strings.Split(p.Was, "\n"), strings.Split(p.Is, "\n")
	for len(was) > 0 && len(is) > 0 && was[0] == is[0] {
		was, is = was[1:], is[1:]
	}
	for len(was) > 0 && len(is) > 0 && was[len(was)-1] == is[len(is)-1] {
		was, is = was[:len(was)-1], is[:len(is)-1]
	}
	return was, is
}

// prompts lists the experiment's own texts. Of whom only one run has, there is nothing to
// compare.
func (p *pair) prompts() {
	a, b := p.textsOf(p.a.Plan), p.textsOf(p.b.Plan)
	for _, of := range union(a, b) {
		was, before := a[of]
		is, after := b[of]
		if !before || !after || was == "" && is == "" {
			continue
		}
		t := Prompt{Of: of, Was: was, Is: is, Same: was == is, WasName: nameOf(p.a.Plan, was), IsName: nameOf(p.b.Plan, is)}
		if t.Same {
			p.result.Same["prompts"]++
		}
		if !t.Same || p.All {
			p.result.Prompts = append(p.result.Prompts, t)
		}
	}
}

// textsOf are a plan's own texts by who is asked with them, "" of the built-in one.
func (p *pair) textsOf(of *plan.Plan) map[string]string {
	texts := map[string]string{}
	for i := range of.Steps {
		step := &of.Steps[i]
		if p.Step != "" && step.Name != p.Step {
			continue
		}
		for shard := range step.Shards {
			if step.Each == nil && shard > 0 {
				break
			}
			var params struct {
				Prompts   plan.Prompts   `json:"prompts"`
				Candidate plan.Candidate `json:"candidate"`
				Judge     plan.Judge     `json:"judge"`
			}
			if json.Unmarshal(step.Of(shard).Params, &params) != nil {
				continue // a report's are of another form
			}
			switch step.Job {
			case plan.JobPredict:
				texts["candidate "+params.Candidate.Name] = params.Candidate.Prompt
				texts["judge"] = params.Judge.Prompt
			case plan.JobGenerate, plan.JobExport:
				for _, role := range roles {
					texts[string(step.Name)+" "+role] = params.Prompts[role]
				}
			}
		}
	}
	return texts
}

// roles are those whose texts an experiment may bring.
var roles = []string{"agent", "environment", "judge", "scenes", "user"}

func nameOf(p *plan.Plan, text string) string {
	digest := plan.TextDigest(text)
	for _, named := range p.Prompts {
		if named.Digest == digest && digest != "" {
			return named.Name
		}
	}
	return ""
}

// An Input is a named input, by file. Of one whose list cannot be read the files are not
// known.
type Input struct {
	Name    string       `json:"name"`
	Was     store.Digest `json:"was,omitempty"` // of its tree; "": the run has no such input
	Is      store.Digest `json:"is,omitempty"`
	Same    bool         `json:"equal,omitempty"`
	Changed int          `json:"changed"`
	New     int          `json:"new"`
	Gone    int          `json:"gone"`
	Files   []why.File   `json:"files,omitempty"`
	Unread  store.RunID  `json:"unread,omitempty"` // the run whose list cannot be read
}

// inputs lists them by file.
func (p *pair) inputs(ctx context.Context) error {
	a, b := p.a.Plan.Inputs, p.b.Plan.Inputs
	for _, name := range union(a, b) {
		in := Input{Name: name, Was: a[name], Is: b[name], Same: a[name] == b[name]}
		if in.Same {
			p.result.Same["inputs"]++
			if p.All {
				p.result.Inputs = append(p.result.Inputs, in)
			}
			continue
		}
		if p.Step != "" && !p.reads(name) {
			continue
		}
		was, err := p.files(ctx, p.a, name, &in)
		if err != nil {
			return err
		}
		is, err := p.files(ctx, p.b, name, &in)
		if err != nil {
			return err
		}
		if in.Unread == "" {
			for _, f := range why.Files(was, is) {
				switch {
				case f.Was == "":
					in.New++
				case f.Is == "":
					in.Gone++
				default:
					in.Changed++
				}
				in.Files = append(in.Files, f)
			}
		}
		p.result.Inputs = append(p.result.Inputs, in)
	}
	return nil
}

// reads reports whether the step that is looked at reads an input.
func (p *pair) reads(name string) bool {
	for _, s := range []*side{p.a, p.b} {
		step := s.Plan.Step(p.Step)
		if step == nil {
			continue
		}
		for shard := range step.Shards {
			if slices.ContainsFunc(step.Of(shard).Sources, func(f plan.File) bool { return f.Input == name }) {
				return true
			}
		}
	}
	return false
}

// files are those of a run's input; none of an input that the run has not.
func (p *pair) files(ctx context.Context, s *side, name string, in *Input) ([]store.TreeFile, error) {
	if s.Plan.Inputs[name] == "" {
		return nil, nil
	}
	tree, err := s.plan.Input(ctx, name)
	if err != nil {
		return nil, err
	}
	if tree == nil {
		in.Unread = s.ID
		return nil, nil
	}
	return tree.Files("."), nil
}
