// Package finetuneexport turns judged turns into training files: one data set
// of conversations for each task, written for every trainer and model family,
// with each planned row accounted for. Of the gym it holds one session at a time,
// and for good a digest of each row and the name of each trace; ProactiveBench's
// reward data, which comes shuffled, and the benchmark are held whole.
package finetuneexport

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/leak"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/rows"
)

// Format is the version of this job's outputs, whose rows are made of the
// project's prompts.
const Format = 11*prompt.Formats + prompt.Version

// The causes of rows that are left out, beside those of trace.Turn.Unjudged;
// docs/export.md explains each.
const (
	causeTestSplit = "held out by its source as test data"
	causeBenchmark = "shares an event with the benchmark"
	causeNoAnswer  = "no accepted answer is known"
	causeSameTurn  = "its turn is exported from another row"
	causeDuplicate = "duplicate of an earlier row"
	causeControl   = "its text holds a control token of a chat template"
)

// causeOverlong is why export.overlong: drop leaves out a row.
var causeOverlong = fmt.Sprintf("longer than the %d tokens that the recipes allow, as estimated", cutoff)

// What is done with rows that the recipes' trainers would cut.
const (
	overlongDrop = "drop" // they are left out
	overlongFail = "fail" // the step fails
)

// controlToken matches what tokenizers of both families read as structure
// wherever it stands, so that text could end its own turn.
var controlToken = regexp.MustCompile(`<\|[A-Za-z0-9_]+\|>`)

// Run is the job.
func Run(ctx context.Context, t *job.Task) error {
	var p plan.Export
	if err := t.Params(&p); err != nil {
		return err
	}
	e, err := newExporter(t, p)
	if err != nil {
		return err
	}
	if e.gate, err = openGate(ctx, t, &p); err != nil {
		return err
	}
	src := sources{task: t, params: p}
	if src.tasks, err = readSeedTasks(ctx, t, p.Scenes); err != nil {
		return err
	}
	if err := src.each(ctx, e.survey, e.planExcluded); err != nil {
		return err
	}
	e.splits.settle()
	src.prepare = e.prepare
	if err := src.each(ctx, e.export, e.exclude); err != nil {
		return err
	}
	if err := e.finish(); err != nil {
		return err
	}
	t.Publish(p.Name)
	return nil
}

// An exporter writes the files of one run of the job.
type exporter struct {
	task    *job.Task
	params  plan.Export
	targets []target // trainers × families
	sets    []*set
	splits  *splits
	planned int // rows of the sources, for each set

	gate *leak.Gate

	files  *files
	ledger *file
	traces *file
	seen   map[[16]byte]bool // digests of the rows written
	tally  map[string]*dataset.Source
	models []dataset.Model
}

// A set is one of the tasks that models are trained on.
type set struct {
	dataset.Set
	systems  systems
	outcomes func(*session) []outcome
	// evaluated says that the benchmark measures what is trained on the set, so
	// that no row may share an event with it.
	evaluated bool
	shared    int // rows written that do
}

func newExporter(t *job.Task, p plan.Export) (*exporter, error) {
	e := &exporter{
		task: t, params: p, files: &files{task: t, data: map[[2]string][]*file{}}, seen: map[[16]byte]bool{}, tally: map[string]*dataset.Source{},
		splits: newSplits(p.Validation, func(unit string) float64 { return t.Rand("split", unit).Float64() }),
	}
	var err error
	if e.targets, err = targets(p.Trainers, p.Families); err != nil {
		return nil, configuration(err)
	}
	for _, name := range p.Sets {
		c := &conversations{redacted: p.Redact[name]}
		s := &set{Set: dataset.Set{Name: name, Classes: map[string]map[string]int{}, Rows: rows.Counts{Stage: string(t.Step.Name)}, Redacted: p.Redact[name]}}
		switch name {
		case agentSet:
			s.evaluated = true
			s.outcomes = func(x *session) []outcome {
				return c.agentOutcomes(x, p.Prompts[prompt.RoleAgent], p.Candidates, p.MaxHistory)
			}
		case rewardSet:
			s.outcomes = func(x *session) []outcome { return c.rewardOutcomes(x, p.Prompts[prompt.RoleJudge], p.MaxHistory) }
		default:
			return nil, configuration(fmt.Errorf("set %q: want %s or %s", name, agentSet, rewardSet))
		}
		s.Tokens = dataset.Tokens{Estimate: tokenEstimate, Cutoff: cutoff, Over: map[string]int{}}
		e.sets = append(e.sets, s)
	}
	switch {
	case len(e.sets) == 0:
		return nil, configuration(errors.New("no set is asked for"))
	case p.Validation < 0 || p.Validation >= 1:
		return nil, configuration(fmt.Errorf("validation %g: want a share of at least 0 and below 1", p.Validation))
	case p.Overlong != "" && p.Overlong != overlongDrop && p.Overlong != overlongFail:
		return nil, configuration(fmt.Errorf("overlong %q: want %s or %s", p.Overlong, overlongDrop, overlongFail))
	case p.Candidates < 1 || p.MaxHistory < 0:
		return nil, configuration(fmt.Errorf("candidates %d, maxHistory %d: want at least 1 and 0", p.Candidates, p.MaxHistory))
	}
	e.ledger = e.files.create(plan.RowsOutput, job.JSONL)
	e.traces = e.files.create(tracesFile, job.JSONL)
	return e, nil
}

func configuration(err error) error {
	return fault.New(fault.Config, fmt.Errorf("finetune-export: %w", err), "mend the section export of the experiment")
}

// survey counts what there is and draws the splits.
func (e *exporter) survey(s *session) error {
	if !e.splits.add(s) {
		return fault.New(fault.Permanent, fmt.Errorf("trace %s of %s occurs twice", s.trace, s.source),
			"every trace needs an ID of its own, because splits go by it")
	}
	info := e.source(s.source)
	info.Traces++
	info.Rows += len(s.rows)
	if s.simulated {
		info.Simulated++
	}
	for _, m := range s.models {
		e.models = withModel(e.models, m)
	}
	e.plan(len(s.rows))
	return nil
}

// plan takes rows in that the second reading will end.
func (e *exporter) plan(rows int) {
	e.planned += rows
	e.task.Plan(e.planned * len(e.sets)) // at once, since reading takes a while
}

func (e *exporter) planExcluded(x excluded) error {
	e.source(x.source).Rows++
	e.plan(1)
	return nil
}

func (e *exporter) source(name string) *dataset.Source {
	if e.tally[name] == nil {
		e.tally[name] = &dataset.Source{Name: name}
	}
	return e.tally[name]
}

// prepare works a session's rows out. Sessions are prepared at once, and settled
// one after another.
func (e *exporter) prepare(s *session) {
	for _, set := range e.sets {
		s.outcomes = append(s.outcomes, set.outcomes(s))
	}
}

// export writes one session's rows of every set.
func (e *exporter) export(s *session) error {
	split := e.splits.of(s)
	shared := leakFrom(e.gate, s.turns)
	line := traceLine{Source: s.source, Trace: s.trace, Split: split, Rows: map[string]int{}}
	for i, set := range e.sets {
		for _, o := range s.outcomes[i] {
			if o.turn >= shared && set.evaluated {
				o.cause = causeBenchmark
			}
			n, err := e.settle(set, split, o)
			if err != nil {
				return err
			}
			line.Rows[set.Name] += n
			if o.turn >= shared {
				set.shared += n
			}
		}
	}
	return e.traces.row(line)
}

// exclude accounts for a row that belongs to no session.
func (e *exporter) exclude(x excluded) error {
	for _, set := range e.sets {
		if err := e.end(set, rows.Row{ID: x.id, State: x.state, Cause: x.cause}); err != nil {
			return err
		}
	}
	return nil
}

// settle decides a row's end, writes it if it is used, and returns how many
// lines that gave.
func (e *exporter) settle(set *set, split string, o outcome) (int, error) {
	row := rows.Row{ID: o.id, State: rows.Rejected, Cause: o.cause}
	if o.cause == "" {
		switch digest := digestOf(o.messages); {
		case hasControlToken(o.messages):
			row.Cause = causeControl
		case e.seen[digest]:
			row.Cause = causeDuplicate
		case e.params.Overlong == overlongDrop && tokens(o.messages) > cutoff:
			row.Cause = causeOverlong
		default:
			e.seen[digest] = true
			row.State, row.Yields = rows.Accepted, 1
			if o.cut {
				row.State, row.Cause = rows.Truncated, fmt.Sprintf("history cut to its last %d events", e.params.MaxHistory)
			}
			set.count(split, o)
			if err := e.files.write(e.targets, set.Name, split, o.messages); err != nil {
				return 0, err
			}
		}
	}
	return row.Yields, e.end(set, row)
}

func (e *exporter) end(set *set, row rows.Row) error {
	row.Stage, row.ID = string(e.task.Step.Name), set.Name+"/"+row.ID
	if err := set.Rows.Add(row); err != nil {
		return err
	}
	e.task.Done(row.State)
	return e.ledger.row(row)
}
