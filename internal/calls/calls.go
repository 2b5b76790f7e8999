// Package calls leads from a row to what models were asked for it: the prompt as it was
// sent, the raw answer, who gave it, and what it took. The row's step kept the keys
// (rows.Calls); the ledger has the exchanges. A stand-in's are not recorded, because
// they follow from the request: its shard is done once more, and nothing of it kept.
//
// It reads the store alone. No model is asked.
package calls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/llm/redact"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
)

// A Call is one request to a model, for a row, with its answer.
type Call struct {
	Row   string         `json:"row"`
	Step  store.StepName `json:"step"`
	Shard int            `json:"shard"`
	Role  string         `json:"role"`
	// Repair counts how often an answer had been sent back before, with the reason.
	Repair int       `json:"repair"`
	Key    string    `json:"key"`   // in the ledger; its first 16 digits where nothing is recorded
	Model  llm.Model `json:"model"` // as the plan has it
	// Reported is what the provider says answered.
	Reported  string     `json:"reported,omitempty"`
	At        *time.Time `json:"at,omitempty"` // when it was recorded first, by whatever run
	ElapsedMS int64      `json:"elapsedMs,omitempty"`
	Tries     int        `json:"tries,omitempty"` // sends, where failures that passed made it more than 1
	Usage     *llm.Usage `json:"usage,omitempty"` // with what it cost as it was asked
	// Redacted counts the values of each kind that placeholders in the request stand for.
	Redacted map[string]int  `json:"redacted,omitempty"`
	Finish   string          `json:"finishReason,omitempty"`
	Request  json.RawMessage `json:"request,omitempty"` // canonical JSON, as it is recorded
	Answer   *string         `json:"answer,omitempty"`
	Refused  *Refusal        `json:"refused,omitempty"` // in place of an answer
	// Missing says why there is neither; "" where there is one.
	Missing string `json:"missing,omitempty"`

	// Messages are the request's, for people.
	Messages []llm.Message `json:"-"`
}

// Short is the key as rows name it.
func (c *Call) Short() string { return c.Key[:min(len(c.Key), len(rows.ShortKey(llm.Key{})))] }

// A Refusal is what the provider said in place of an answer.
type Refusal struct {
	Status  int    `json:"status"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
}

// Options are what Of cannot know.
type Options struct {
	// Again does a shard once more and tells fn of the exchanges with stand-ins whose
	// keys begin with what is wanted, as the function Again. It may be nil.
	Again func(ctx context.Context, which job.Shard, wanted map[string]bool, fn func(string, *ledger.Exchange)) error
	// Formats are those of this gymline's jobs: of another, Again would ask otherwise.
	Formats map[string]int
	// Alone leaves out the calls of rows below the row.
	Alone bool
}

// ErrNone says that a row is there, and no model was asked for it.
var ErrNone = errors.New("no model was asked")

// Of returns the calls of a row, and of those below it, in order: of a session all of
// its turns', say.
func Of(ctx context.Context, st *store.Store, id store.RunID, row string, opt Options) ([]*Call, error) {
	r, err := open(ctx, st, id)
	if err != nil {
		return nil, err
	}
	row = withoutOffer(row)
	var list []*Call
	n := nearest{to: row}
	err = r.each(ctx, func(p *part, line *rows.Calls) error {
		n.consider(line.ID)
		if line.ID == row || !opt.Alone && within(line.ID, row) {
			list = append(list, p.calls(line)...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, r.none(ctx, row, &n)
	}
	return list, r.fill(ctx, list, opt, (*Call).take)
}

// within reports whether a row is another or below it.
func within(id, row string) bool {
	rest, ok := strings.CutPrefix(id, row)
	return ok && (rest == "" || rest[0] == '/' || rest[0] == '#') // a repeat's
}

// withoutOffer is the row of a turn, of one that names one of its offers: 3.1, or 3.1#1
// of a repeat.
func withoutOffer(row string) string {
	row, repeat, again := strings.Cut(row, "#")
	if again {
		repeat = "#" + repeat
	}
	turn := row[strings.LastIndexByte(row, '/')+1:]
	if n := strings.TrimLeft(turn, "0123456789"); len(n) > 1 && n != turn && n[0] == '.' && strings.TrimLeft(n[1:], "0123456789") == "" {
		return strings.TrimSuffix(row, n) + repeat
	}
	return row + repeat
}

// A reader reads one run.
type reader struct {
	st    *store.Store
	id    store.RunID
	how   run.Execution
	parts []*part
}

// A part is a shard whose rows models were asked for.
type part struct {
	step   *plan.Step
	shard  int
	record *store.Step
	models map[string]llm.Model // by role
}

// open finds the shards of a run that asked models.
func open(ctx context.Context, st *store.Store, id store.RunID) (*reader, error) {
	found, err := run.Read(ctx, st, id)
	if err == nil {
		err = found.Damage
	}
	if err != nil {
		return nil, err
	}
	r := &reader{st: st, id: id}
	if r.how, err = run.ExecutionOf(found.Run); err != nil {
		return nil, err
	}
	for _, step := range found.Steps {
		if !slices.Contains([]string{plan.JobGenerate, plan.JobPredict, plan.JobAnchors}, step.Job) {
			continue
		}
		for i, shard := range step.Shards {
			if shard.Record == nil {
				continue // it is under way, or failed
			}
			p := &part{step: step.Step, shard: i, record: shard.Record}
			if p.models, err = step.Asks(i); err != nil {
				return nil, err
			}
			if _, err := shard.Record.Output(plan.CallsOutput); err != nil {
				return nil, fault.New(fault.Usage, fmt.Errorf("run %s was made by a gymline that did not keep the calls of rows", id),
					"run the experiment again: what is recorded answers, at no cost")
			}
			r.parts = append(r.parts, p)
		}
	}
	if len(r.parts) == 0 {
		return nil, fault.New(fault.Usage, fmt.Errorf("run %s has no finished shard that asks models", id), fmt.Sprintf("see 'gymline show %s'", id))
	}
	return r, nil
}

// each calls fn with what was asked for each row, in order.
func (r *reader) each(ctx context.Context, fn func(p *part, line *rows.Calls) error) error {
	return eachOf(ctx, r, plan.CallsOutput, fn)
}

// Parts are read ahead side by side, so many and of so many bytes.
const (
	mostAhead  = 32
	aheadBytes = 16 << 20
)

// eachOf calls fn with each line of an output of all parts, in order.
func eachOf[T any](ctx context.Context, r *reader, output string, fn func(p *part, line *T) error) error {
	for next := 0; next < len(r.parts); {
		var bytes int64
		var ahead []store.Artifact
		for _, p := range r.parts[next:min(next+mostAhead, len(r.parts))] {
			a, err := p.record.Output(output)
			if err != nil {
				return err
			}
			if bytes += a.Bytes; bytes > aheadBytes && ahead != nil {
				break
			}
			ahead = append(ahead, a)
		}
		if err := linesOf(ctx, r, r.parts[next:next+len(ahead)], ahead, output, fn); err != nil {
			return err
		}
		next += len(ahead)
	}
	return nil
}

func linesOf[T any](ctx context.Context, r *reader, parts []*part, artifacts []store.Artifact, output string, fn func(p *part, line *T) error) error {
	read := func(i int, take func(*T) error) error {
		in := r.st.Concat(ctx, artifacts[i:i+1])
		err := job.Decode(in, output, func(_ int, line *T) error { return take(line) })
		if err = errors.Join(err, in.Close()); err != nil {
			return run.Damaged(r.id, parts[i].step.Name, err)
		}
		return nil
	}
	if len(parts) == 1 { // it may be long
		return read(0, func(line *T) error { return fn(parts[0], line) })
	}
	lists := make([][]*T, len(parts))
	err := store.SideBySide(ctx, len(parts), func(i int) error {
		return read(i, func(line *T) error {
			lists[i] = append(lists[i], line)
			return nil
		})
	})
	for i, list := range lists {
		for _, line := range list {
			if err == nil {
				err = fn(parts[i], line)
			}
		}
	}
	return err
}

func (p *part) calls(line *rows.Calls) (list []*Call) {
	for _, c := range line.Calls {
		list = append(list, &Call{Row: line.ID, Step: p.step.Name, Shard: p.shard, Role: c.Role, Key: c.Key, Model: p.models[c.Role]})
	}
	return list
}

// none says that a row is there and asked nobody, or that there is none.
func (r *reader) none(ctx context.Context, row string, n *nearest) error {
	there := false
	err := eachOf(ctx, r, plan.RowsOutput, func(_ *part, line *rows.Row) error {
		n.consider(line.ID)
		there = there || within(line.ID, row)
		return nil
	})
	if err != nil {
		return err
	}
	if there {
		return ErrNone
	}
	return fault.New(fault.Usage, fmt.Errorf("run %s has no row %q", r.id, row), "the nearest are "+strings.Join(n.names(), ", "))
}

// take copies what an exchange tells.
func (c *Call) take(x *ledger.Exchange) {
	c.Request, c.Messages = x.Raw, x.Request.Messages
	c.Redacted = redact.Found(x.Request.Messages)
	if n := len(c.Messages); n > 0 && strings.HasPrefix(c.Messages[n-1].Content, llm.Unusable) {
		c.Repair = repairs(c.Messages)
	}
	if !x.At.IsZero() {
		c.At = &x.At
		c.Key = x.Key.String()
	}
	c.ElapsedMS = x.Elapsed.Milliseconds()
	if e := x.Refused; e != nil {
		c.Refused = &Refusal{e.Status, e.Code, e.Err.Error()}
		return
	}
	usage := x.Response.Usage
	c.Reported, c.Finish, c.Answer, c.Usage, c.Tries = x.Response.Version(), x.Response.FinishReason, &x.Response.Content, &usage, x.Response.Tries
}

// repairs counts the answers at a conversation's end that were sent back.
func repairs(messages []llm.Message) (n int) {
	for _, m := range slices.Backward(messages) {
		switch {
		case m.Role == llm.User && strings.HasPrefix(m.Content, llm.Unusable):
			n++
		case m.Role == llm.User:
			return n
		}
	}
	return n
}
