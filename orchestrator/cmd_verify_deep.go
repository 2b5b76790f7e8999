package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/audit/reproduce"
	"github.com/gymline/gymline/internal/audit/verify"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// deepen does a run's pure steps again, and adds to what was found of the run. Where something
// is wrong already, what they read is not what they read then.
func deepen(ctx context.Context, edge *cli.Edge, st *store.Store, profile string, r *verify.Result) error {
	if len(r.Problems) > 0 {
		r.Remarks = append(r.Remarks, "no step was done again: what they read is not as it was recorded")
		return nil
	}
	p, err := loadProfile(profile)
	if err != nil {
		return err
	}
	record, err := st.ReadRun(ctx, r.Run)
	if err != nil {
		return err
	}
	return scratch("", func(dir string) error {
		again, err := rerun(ctx, edge, st, r.Run, dir, p.Spec.Parallelism.Shards, true)
		if err == nil {
			compared(r, again, record.Version)
		}
		return err
	})
}

// compared adds what doing steps again told of a run that a version of gymline did.
func compared(r *verify.Result, again *reproduce.Result, by string) {
	var same, given []string
	files := 0
	r.Again = true
	for i := range again.Steps {
		switch s := &again.Steps[i]; s.Verdict {
		case reproduce.BitIdentical:
			same, files = append(same, string(s.Step)), files+s.Outputs
		case reproduce.Given:
			given = append(given, string(s.Step))
		case reproduce.Drifted:
			r.Problems = append(r.Problems, verify.Problem{
				Run: r.Run, Key: fmt.Sprintf("runs/%s/steps/%s/%d.json", r.Run, s.Step, s.First.Shard),
				Expected: fmt.Sprintf("%s %s, as the step makes it now", s.First.Output, cmp.Or(string(s.First.Is), "not to be there")),
				Found:    cmp.Or(string(s.First.Was), "no such file"),
				Means:    fmt.Sprintf("it is not what the step's work comes to (%s), or %s works otherwise than this gymline", s.Because, by),
			})
		case reproduce.NotAuditable:
			r.Again = false
			if by != version() {
				r.Remarks = append(r.Remarks, fmt.Sprintf("not done again: %s: %s", s.Step, s.Because))
				continue
			}
			r.Problems = append(r.Problems, verify.Problem{
				Run: r.Run, Key: fmt.Sprintf("runs/%s/steps/%s/", r.Run, s.Step), Expected: "a step that can be done again", Found: s.Because, Means: "nobody can tell whether its work comes to what is recorded",
			})
		}
	}
	if same != nil {
		r.Remarks = append(r.Remarks, fmt.Sprintf("done again, and the same: %s, %s", strings.Join(same, ", "), text.Plural(files, "artifact")))
	}
	if given != nil {
		r.Remarks = append(r.Remarks, "taken as given, since models or a trainer made it: "+strings.Join(given, ", "))
	}
}
