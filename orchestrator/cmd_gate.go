package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/gate"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

type gateOptions struct {
	profile, output string
	rules           []plan.GateRule // of the command line; none: the run's own
}

func newGate(edge *cli.Edge) *cobra.Command {
	var o gateOptions
	var minF1, maxDrop, maxVerdictChange float64
	var rest plan.GateRule
	cmd := &cobra.Command{
		Use:   "gate RUN",
		Short: "Say whether a run is as good as it must be, and who changed if it is not",
		Long: `Ask the rules of a run's experiment (evaluate.gate) of the run, or those of the
command line in their place, and say which hold. With a rule that is broken the exit
code is 66. What is compared is read from the store alone; docs/gate.md tells more.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			given := cmd.Flags().Changed
			for _, of := range []struct {
				flag string
				rule plan.GateRule
			}{{"min-f1", plan.GateRule{MinF1: &minF1}}, {"max-drop", plan.GateRule{MaxDrop: &maxDrop}}, {"significant-drop", plan.GateRule{SignificantDrop: true}}, {"max-verdict-change", plan.GateRule{MaxVerdictChange: &maxVerdictChange}}, {"drift", plan.GateRule{Drift: true}}} {
				if given(of.flag) && (of.flag != "significant-drop" || rest.SignificantDrop) && (of.flag != "drift" || rest.Drift) {
					if of.rule.Candidate = rest.Candidate; of.rule.Compares() {
						of.rule.Against = rest.Against
					}
					o.rules = append(o.rules, of.rule)
				}
			}
			if len(o.rules) == 0 && (given("candidate") || given("against")) {
				return usage(cmd, errors.New("--candidate and --against are of a rule of the command line, and there is none"))
			}
			if err := checkRules(rest, minF1, maxDrop, maxVerdictChange); err != nil {
				return usage(cmd, err)
			}
			return runGate(cmd.Context(), edge, o, args[0])
		},
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "text", "json", "markdown")
	cmd.Flags().Float64Var(&minF1, "min-f1", 0, "the least F1, in `POINTS`")
	cmd.Flags().Float64Var(&maxDrop, "max-drop", 0, "`POINTS` that F1 may be below that of the run it is compared with")
	cmd.Flags().BoolVar(&rest.SignificantDrop, "significant-drop", false, "F1 may be lower only as far as that may be chance")
	cmd.Flags().Float64Var(&maxVerdictChange, "max-verdict-change", 0, "`SHARE` of equal answers on which the verdict may be another")
	cmd.Flags().BoolVar(&rest.Drift, "drift", false, "the series of nights up to the run gives no alarm of drift")
	cmd.Flags().StringVar(&rest.Candidate, "candidate", "", "only the candidate `NAME`")
	cmd.Flags().StringVar(&rest.Against, "against", plan.AgainstPrevious, "`WHICH` to compare with: previous, best:N, or a run or tag")
	return cmd
}

// checkRules holds flags to what the config takes.
func checkRules(rest plan.GateRule, minF1, maxDrop, maxVerdictChange float64) error {
	for _, of := range []struct {
		flag        string
		value, most float64
	}{{"min-f1", minF1, 100}, {"max-drop", maxDrop, 100}, {"max-verdict-change", maxVerdictChange, 1}} {
		if !(of.value >= 0 && of.value <= of.most) { // NaN is neither
			return fmt.Errorf("--%s %v: want 0 to %v", of.flag, of.value, of.most)
		}
	}
	_, best := plan.BestOf(rest.Against)
	switch {
	case !best && strings.HasPrefix(rest.Against, "best:"):
		return fmt.Errorf("--against %s: want best:N with N from 1 to %d", rest.Against, plan.MostBest)
	case best && rest.SignificantDrop:
		return fmt.Errorf("--significant-drop --against %s: the best of several was chosen for its luck too, so that a test against it finds drops where there are none; compare with previous or a tag, or use --max-drop", rest.Against)
	}
	return nil
}

func runGate(ctx context.Context, edge *cli.Edge, o gateOptions, named string) error {
	return reading(ctx, edge, o.profile, func(st *store.Store) error {
		id, err := st.RunNamed(ctx, named)
		if err != nil {
			return err
		}
		rules := o.rules
		if len(rules) == 0 {
			if rules, err = ownRules(ctx, st, id); err == nil && len(rules) == 0 {
				err = fault.New(fault.Usage, fmt.Errorf("the experiment of run %s has no gate", id), "give a rule, such as --max-drop 3, or write evaluate.gate")
			}
			if err != nil {
				return err
			}
		}
		result, err := gate.Of(ctx, st, id, rules, edge.Now())
		if err != nil {
			return err
		}
		switch o.output {
		case "json":
			err = writeJSON(edge.Stdout, result)
		case "markdown":
			err = result.WriteMarkdown(edge.Stdout)
		default:
			err = printGate(edge, result)
		}
		return errors.Join(err, broken(result))
	})
}

// ownRules are those of a run's experiment.
func ownRules(ctx context.Context, st *store.Store, id store.RunID) ([]plan.GateRule, error) {
	head, err := run.ReadHead(ctx, st, id)
	if err != nil {
		return nil, err
	}
	how, err := run.ExecutionOf(head.Run)
	return how.Gate, err
}

// broken is the error of a gate that did not pass.
func broken(r *gate.Result) error {
	if r.Passed {
		return nil
	}
	return fault.New(fault.Gate, errors.New(r.Sentence), fmt.Sprintf("'gymline gate %s' has every rule; the run's artifacts are all there", r.Run))
}

// printGate prints every rule; that one is broken is said as an error is.
func printGate(edge *cli.Edge, r *gate.Result) error {
	tw := edge.NewTable("RULE\tVERDICT\tCANDIDATE")
	for _, f := range r.Findings {
		row(tw, f.Rule.String(), f.Verdict, f.Candidate+" "+f.Found)
	}
	if err := tw.Flush(); err != nil || !r.Passed {
		return err
	}
	_, err := fmt.Fprintf(edge.Stdout, "\n%s\n", r.Sentence)
	return err
}

// passGate asks a run's own rules once it succeeded, and tells of it in its last event.
// The result is nil of a run without a gate.
func passGate(ctx context.Context, st *store.Store, now time.Time, ended *progress.Event) (result *gate.Result, err error) {
	id := store.RunID(ended.Run)
	rules, err := ownRules(ctx, st, id)
	if err == nil && len(rules) == 0 {
		return nil, nil
	}
	if err == nil {
		result, err = gate.Of(ctx, st, id, rules, now)
	}
	if err != nil {
		err = fmt.Errorf("run %s succeeded, but its gate could not be asked: %w", id, err)
		*ended = ended.Because(err)
		return nil, err
	}
	ended.Gate = &progress.Gate{Passed: result.Passed, Sentence: result.Sentence}
	err = broken(result)
	ended.ExitCode = fault.Code(err)
	return result, err
}
