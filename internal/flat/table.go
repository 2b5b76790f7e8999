// Package flat gives a run's sessions and scores as flat tables: one row a turn, an event
// or a verdict, typed columns, no row within a row. docs/tables.md lists the columns; it is
// written from the types here.
package flat

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/trace"
)

// A Turn is a row of the table turns: an event of a gym's session, and what followed.
type Turn struct {
	Run              store.RunID `json:"run" doc:"the run"`
	Session          string      `json:"session" doc:"the session: its scene, and its number there"`
	Scene            string      `json:"scene" doc:"the scene, which all its sessions share"`
	Domain           string      `json:"domain" doc:"the scene's domain"`
	Turn             int         `json:"turn" doc:"the turn's number in the session, from 0"`
	Turns            int         `json:"turns" doc:"how many the session has"`
	End              string      `json:"end" doc:"how the session ended: goal or maxEvents"`
	Time             string      `json:"time" doc:"the event's time as its source wrote it"`
	Event            string      `json:"event" doc:"what happened"`
	Actor            string      `json:"actor" doc:"who caused it: user, agent or environment"`
	Activity         int         `json:"activity" doc:"the user's activity that it belongs to, from 0"`
	Failure          bool        `json:"failure" doc:"the event tells that something went wrong"`
	Proposals        int         `json:"proposals" doc:"how many tasks the agent offered; 0: it kept silent"`
	Offer            *string     `json:"offer" doc:"the offer that was accepted, else the first"`
	Accepted         *bool       `json:"accepted" doc:"whether the user accepted the offer or, of silence, found it right"`
	HelpNeeded       *bool       `json:"helpNeeded" doc:"whether the user wanted any help then"`
	Reason           *string     `json:"reason" doc:"why, in the user's words"`
	Operations       int         `json:"operations" doc:"how many operations carried the task out"`
	OperationsFailed int         `json:"operationsFailed" doc:"how many of them failed"`
	Excluded         *string     `json:"excluded" doc:"why curation left the turn out of the training rows"`
	Simulated        bool        `json:"simulated" doc:"a stand-in had part in the session"`
}

// An Event is a row of the table events: an event of the benchmark, as one candidate
// answered it.
type Event struct {
	Run        store.RunID `json:"run" doc:"the run"`
	Candidate  string      `json:"candidate" doc:"the candidate"`
	Repeat     int         `json:"repeat" doc:"the candidate's repeat of the benchmark, from 0"`
	Trace      string      `json:"trace" doc:"the benchmark's trace"`
	Domain     string      `json:"domain" doc:"the trace's domain"`
	Turn       int         `json:"turn" doc:"the event's number in the trace, from 0"`
	Time       string      `json:"time" doc:"the event's time as its source wrote it"`
	Event      string      `json:"event" doc:"what happened"`
	Proposals  int         `json:"proposals" doc:"how many tasks the candidate offered; 0: it kept silent"`
	Offer      *string     `json:"offer" doc:"the offer that was accepted, else the first"`
	Outcome    *string     `json:"outcome" doc:"TP: offer accepted, FP: offer rejected, TN: rightly silent, FN: help missed; none: not judged"`
	Accepted   *bool       `json:"accepted" doc:"the verdict on the offer, or on silence"`
	HelpNeeded *bool       `json:"helpNeeded" doc:"whether help was needed, as the judge sees it"`
	Score      *float64    `json:"score" doc:"the judge's score from 0 to 1, where it has one"`
	Reason     *string     `json:"reason" doc:"why, in the judge's words"`
	Unanswered bool        `json:"unanswered" doc:"recorded answers have none here; it counts as silence"`
	Failed     bool        `json:"failed" doc:"the answer could not be used; it counts as silence"`
	Judge      string      `json:"judge" doc:"the kind of judge"`
	JudgeModel *string     `json:"judgeModel" doc:"the judge's name in the experiment, of a language model"`
	AnsweredBy *string     `json:"answeredBy" doc:"the models that answered in this trace, as their provider named them"`
	JudgedBy   *string     `json:"judgedBy" doc:"the models that judged in this trace, as their provider named them"`
	Simulated  bool        `json:"simulated" doc:"a stand-in answered or judged"`
}

// A Verdict is a row of the table verdicts: one offer that was ruled on, or silence. Of
// several offers after one event those after the accepted one were not ruled on.
type Verdict struct {
	Run        store.RunID `json:"run" doc:"the run"`
	Source     string      `json:"source" doc:"gym, or benchmark"`
	Candidate  *string     `json:"candidate" doc:"the candidate, of the benchmark"`
	Repeat     *int        `json:"repeat" doc:"its repeat of the benchmark, from 0"`
	ID         string      `json:"id" doc:"the row's name in row ledgers"`
	Trace      string      `json:"trace" doc:"the session, or the benchmark's trace"`
	Domain     string      `json:"domain" doc:"its domain"`
	Turn       int         `json:"turn" doc:"the event's number there, from 0"`
	Event      string      `json:"event" doc:"what had happened"`
	Offer      *string     `json:"offer" doc:"the offer; none: silence"`
	Accepted   bool        `json:"accepted" doc:"the verdict"`
	HelpNeeded *bool       `json:"helpNeeded" doc:"whether help was needed, as the judge sees it"`
	Score      *float64    `json:"score" doc:"the judge's score from 0 to 1, where it has one"`
	Reason     *string     `json:"reason" doc:"why, in the judge's words"`
}

// The kinds of tables, and the type of their rows.
const (
	Turns    = "turns"
	Events   = "events"
	Verdicts = "verdicts"
	Calls    = "calls"
)

var kinds = map[string]reflect.Type{Turns: reflect.TypeFor[Turn](), Events: reflect.TypeFor[Event](), Verdicts: reflect.TypeFor[Verdict](), Calls: reflect.TypeFor[Call]()}

// Kinds are the names of all tables.
func Kinds() []string { return []string{Turns, Events, Verdicts, Calls} }

// A Column is one of a table.
type Column struct{ Name, Type, Doc string }

// Columns are those of a kind of table, in order.
func Columns(kind string) (list []Column) {
	for f := range fields(kinds[kind]) {
		t, of := f.Type, ""
		if t.Kind() == reflect.Pointer {
			t, of = t.Elem(), " or none"
		}
		name := map[reflect.Kind]string{reflect.String: "text", reflect.Int: "integer", reflect.Float64: "number", reflect.Bool: "true or false"}[t.Kind()]
		list = append(list, Column{f.Tag.Get("json"), name + of, f.Tag.Get("doc")})
	}
	return list
}

func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// Each calls fn with every row of a run's table.
func Each(ctx context.Context, st *store.Store, id store.RunID, kind string, fn func(row any) error) error {
	switch kind {
	case Turns:
		return sessions(ctx, st, id, func(e *trace.Episode) error {
			for i := range e.Turns {
				if err := fn(turnOf(id, e, i)); err != nil {
					return err
				}
			}
			return nil
		})
	case Events:
		return judged(ctx, st, id, func(line *trace.JudgedTrace) error {
			for i := range line.Trace.Turns {
				if err := fn(eventOf(id, line, i)); err != nil {
					return err
				}
			}
			return nil
		})
	case Calls:
		return callsOf(ctx, st, id, fn)
	}
	gym := sessions(ctx, st, id, func(e *trace.Episode) error { return verdicts(id, "gym", nil, &e.Trace, fn) })
	if gym != nil && !errors.Is(gym, errNoStep) {
		return gym
	}
	benchmark := judged(ctx, st, id, func(line *trace.JudgedTrace) error {
		return verdicts(id, "benchmark", line, &line.Trace, fn)
	})
	if errors.Is(benchmark, errNoStep) && gym == nil {
		return nil
	}
	return benchmark
}

// errNoStep says that a run does nothing of which there could be rows.
var errNoStep = errors.New("its experiment has no such step")

// Sessions calls fn with every session of a run's gym, with what curation says of turns.
func Sessions(ctx context.Context, st *store.Store, id store.RunID, fn func(*trace.Episode) error) error {
	return sessions(ctx, st, id, fn)
}

// Scenes are those of a run's gym, by ID.
func Scenes(ctx context.Context, st *store.Store, id store.RunID) (map[string]trace.Scene, error) {
	scenes := map[string]trace.Scene{}
	return scenes, rows(ctx, st, id, []store.StepName{plan.JobGenerate}, plan.ScenesOutput, func(s *trace.Scene) error {
		scenes[s.ID] = *s
		return nil
	})
}

func sessions(ctx context.Context, st *store.Store, id store.RunID, fn func(*trace.Episode) error) error {
	return rows(ctx, st, id, []store.StepName{plan.JobCurate, plan.JobGenerate}, plan.EpisodesOutput, fn)
}

func judged(ctx context.Context, st *store.Store, id store.RunID, fn func(*trace.JudgedTrace) error) error {
	return rows(ctx, st, id, []store.StepName{plan.JobPredict}, plan.JudgedOutput, fn)
}

// rows decodes an output of the first of some steps that the run has.
func rows[T any](ctx context.Context, st *store.Store, id store.RunID, steps []store.StepName, output string, fn func(*T) error) error {
	p, err := run.ReadPlan(ctx, st, id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(steps, func(name store.StepName) bool { return p.Step(name) != nil })
	if i < 0 {
		return fault.New(fault.Usage, fmt.Errorf("run %s has no %s: %w", id, output, errNoStep), "sessions and turns are of generate, events of evaluate")
	}
	parts, err := run.Output(ctx, st, id, plan.Ref{Step: steps[i], Shard: -1, Output: output})
	if err != nil {
		return err
	}
	r := st.Concat(ctx, parts)
	defer r.Close()
	return run.Damaged(id, steps[i], job.Decode(r, output, func(_ int, row *T) error { return fn(row) }))
}

// Write writes a run's table as CSV with a header, JSON lines or Parquet. In CSV what is
// absent is empty.
func Write(ctx context.Context, w io.Writer, st *store.Store, id store.RunID, kind, form string) error {
	switch form {
	case "jsonl":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return Each(ctx, st, id, kind, enc.Encode)
	case "parquet":
		return writeParquet(ctx, w, st, id, kind)
	}
	c := csv.NewWriter(w)
	var cells []string
	for _, column := range Columns(kind) {
		cells = append(cells, column.Name)
	}
	_ = c.Write(cells) // Error tells
	err := Each(ctx, st, id, kind, func(row any) error {
		v := reflect.ValueOf(row)
		for i := range cells {
			cells[i] = cell(v.Field(i))
		}
		return c.Write(cells)
	})
	c.Flush()
	return errors.Join(err, c.Error())
}

func cell(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	return v.String()
}

// Docs are the columns as Markdown.
func Docs() string {
	var b strings.Builder
	for _, kind := range Kinds() {
		fmt.Fprintf(&b, "\n## %s\n\n| column | type | meaning |\n|---|---|---|\n", kind)
		for _, c := range Columns(kind) {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, c.Type, c.Doc)
		}
	}
	return b.String()
}
