package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

func newShow(edge *cli.Edge) *cobra.Command {
	var profile, output string
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Show a run: its steps, and every artifact with its digest",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runShow(cmd.Context(), edge, profile, output, args[0])
		},
	}
	bindProfile(cmd, &profile)
	bindOutput(cmd, &output, "table", "json")
	return cmd
}

// A shownStep is a step's shard as show prints it: its record, once it has one.
type shownStep struct {
	Step    store.StepName   `json:"step"`
	Shard   int              `json:"shard"`
	State   string           `json:"state"` // "Succeeded", "Failed", "Pending", "Unreadable"
	WorkKey store.WorkKey    `json:"workKey,omitempty"`
	Reused  bool             `json:"reused"`
	Inputs  []store.Artifact `json:"inputs"`
	Outputs []store.Artifact `json:"outputs"`
}

func runShow(ctx context.Context, edge *cli.Edge, profile, output, named string) error {
	return reading(ctx, edge, profile, func(st *store.Store) error {
		id, err := st.RunNamed(ctx, named)
		if err != nil {
			return err
		}
		r, err := run.Read(ctx, st, id)
		if err != nil {
			return err
		}
		spent, err := run.SpendingOf(ctx, st, r.Run)
		if err != nil {
			return err
		}
		later, err := readLater(ctx, st, id)
		if err != nil {
			return err
		}
		if how, err := run.ExecutionOf(r.Run); err == nil && len(later.signed) == 0 && r.Finished != "" {
			later.missed = how.SignEnv
		}
		steps := shownSteps(r)
		images, err := run.Images(ctx, st, r)
		if errors.Is(err, store.ErrUnreadable) {
			r.Damage, err = errors.Join(r.Damage, err), nil
		}
		if err != nil {
			return err
		}
		if output == "json" {
			doc := map[string]any{"run": r.Head, "steps": steps}
			if spent != nil {
				doc["spent"] = spent
			}
			if images != nil {
				doc["images"] = images
			}
			if anew := askedAnew(r.Plan); anew != nil {
				doc["anew"] = anew
			}
			if later.note.Text != "" {
				doc["note"] = later.note
			}
			if later.gone != nil {
				doc["withdrawn"] = later.gone
			}
			if later.signed != nil {
				doc["signedBy"] = later.signed
			}
			return errors.Join(writeJSON(edge.Stdout, doc), r.Damage, r.Altered)
		}
		return errors.Join(printShow(edge, r, steps, images, spent, later), r.Damage, r.Altered)
	})
}

// later is what came to a run after its end.
type later struct {
	note   store.Note
	gone   []store.Withdrawal
	signed []string // the keys that its signatures say they are by
	missed string   // the variable of the key that was to sign it and did not
}

func readLater(ctx context.Context, st *store.Store, id store.RunID) (l later, err error) {
	notes, err := st.Notes(ctx)
	if err != nil {
		return l, err
	}
	gone, err := withdrawn(ctx, st)
	if err != nil {
		return l, err
	}
	l.note, l.gone = notes[id], gone[id]
	l.signed, err = sign.Claimed(ctx, st, id)
	return l, err
}

func (l later) print(edge *cli.Edge) {
	if n := l.note; n.Text != "" {
		fmt.Fprintf(edge.Stdout, "note %s (%s%s)\n", text.Line(n.Text), n.At, text.Line(strings.TrimSuffix(", "+n.By, ", ")))
	}
	for _, w := range l.gone {
		fmt.Fprintf(edge.Stdout, "withdrawn %s (withdrawal %d, %s): %s\n", text.Line(w.Source), w.Number, w.At, text.Line(w.Reason))
	}
	for _, key := range l.signed {
		fmt.Fprintln(edge.Stdout, "signature, as it says by key", text.Line(key))
	}
	if l.missed != "" {
		fmt.Fprintln(edge.Stdout, text.Line("not signed: the key in "+l.missed+" was to sign it at its end"))
	}
}

func shownSteps(r *run.Run) []shownStep {
	steps := []shownStep{}
	for _, s := range r.Steps {
		for i, shard := range s.Shards {
			shown := shownStep{Step: s.Name, Shard: i, State: r.StateOf(shard), Inputs: []store.Artifact{}, Outputs: []store.Artifact{}}
			if rec := shard.Record; rec != nil {
				shown.WorkKey, shown.Reused, shown.Inputs, shown.Outputs = rec.WorkKey, rec.Reused, rec.Inputs, rec.Outputs
			}
			steps = append(steps, shown)
		}
	}
	return steps
}

// askedAnew says whose models a run asked anew; nil: nobody's, as far as is known.
func askedAnew(p *plan.Plan) *plan.Anew {
	if p == nil {
		return nil
	}
	return p.Anew
}

func printShow(edge *cli.Edge, r *run.Run, steps []shownStep, images []store.Image, spent *run.Spending, later later) error {
	fmt.Fprintf(edge.Stdout, "%s  %s  created %s\nexperiment %s\n", r.ID, r.State, r.Created, r.Digest)
	if anew := askedAnew(r.Plan); anew != nil {
		fmt.Fprintln(edge.Stdout, "asked anew", text.Line(anew.String()))
	}
	if how, err := run.ExecutionOf(r.Run); err == nil && len(how.Set) > 0 {
		fmt.Fprintln(edge.Stdout, "set", text.Line(strings.Join(how.Set, " ")))
	}
	printWho(edge, r.Run)
	later.print(edge)
	printSpent(edge, spent)
	fmt.Fprintln(edge.Stdout)
	tw := edge.NewTable("STEP\tSTATE\tOUTPUT\tROWS\tBYTES\tDIGEST")
	for _, s := range steps {
		name, state := fmt.Sprintf("%s/%d", s.Step, s.Shard), s.State
		if s.Reused {
			state += " (reused)"
		}
		if len(s.Outputs) == 0 {
			row(tw, name, state, "", "", "", "")
		}
		for _, a := range s.Outputs {
			rows := ""
			if a.Rows > 0 {
				rows = fmt.Sprint(a.Rows)
			}
			row(tw, name, state, a.Name, rows, a.Bytes, a.Digest.Short())
			name, state = "", ""
		}
	}
	if err := errors.Join(tw.Flush(), printImages(edge, images)); err != nil {
		return err
	}
	for _, f := range r.Failures {
		cli.WriteFailure(edge.Stdout, f)
	}
	return nil
}

// printImages shows each image once, with the steps that ran in it.
func printImages(edge *cli.Edge, images []store.Image) error {
	if len(images) == 0 {
		return nil
	}
	fmt.Fprintln(edge.Stdout)
	tw := edge.NewTable("IMAGE\tDIGEST\tSTEPS")
	for i, image := range images {
		same := func(other store.Image) bool { return other.Image == image.Image && other.Digest == image.Digest }
		if slices.ContainsFunc(images[:i], same) {
			continue
		}
		var steps []string
		for _, other := range images[i:] {
			if same(other) && !slices.Contains(steps, string(other.Step)) {
				steps = append(steps, string(other.Step))
			}
		}
		name, _, _ := strings.Cut(image.Image, "@")
		row(tw, name, cmp.Or(image.Digest, "not known"), strings.Join(steps, ", "))
	}
	return tw.Flush()
}
