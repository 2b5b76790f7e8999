package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/calls"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
	"github.com/gymline/gymline/internal/llm/provider"
	"github.com/gymline/gymline/internal/sim"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

func newCalls(edge *cli.Edge) *cobra.Command {
	var profile, output string
	var raw bool
	cmd := &cobra.Command{
		Use:   "calls RUN ROW",
		Short: "Show what models were asked for a row, and what they answered",
		Long: `Show each call behind a row: the prompt as it was sent, the raw answer, the model
that was asked and the one that answered, tokens, cost, what was redacted, repairs
and tries, and the key in the ledger. A row is named as 'table' and 'sessions' do:

  CANDIDATE/TRACE/EVENT   an event of the benchmark, such as ours/coding_1/3, in all
                          repeats; ours/coding_1/3#1 is of the second
  SCENE/SESSION/TURN      a turn in the gym, such as scene-00003/2/4
  SCENE/SESSION           a whole session; SCENE alone has how it was written, too

It reads the store and asks no model; docs/asking.md has more.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return reading(cmd.Context(), edge, profile, func(st *store.Store) error {
				id, err := st.RunNamed(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				list, err := calls.Of(cmd.Context(), st, id, args[1], calls.Options{Again: again(edge, st), Formats: formats})
				if none := errors.Is(err, calls.ErrNone); err != nil && !none {
					return err
				}
				if output == "json" {
					return writeJSON(edge.Stdout, append([]*calls.Call{}, list...))
				}
				if len(list) == 0 {
					_, err := fmt.Fprintf(edge.Stdout, "No model was asked for %s: its answer is recorded, and its verdict the reward model's or recorded.\n", text.Line(args[1]))
					return err
				}
				return printCalls(edge, list, raw)
			})
		},
	}
	bindProfile(cmd, &profile)
	bindOutput(cmd, &output, "text", "json")
	cmd.Flags().BoolVar(&raw, "raw", false, "each request as it is recorded, in JSON, and the answer to the letter")
	return cmd
}

// again does shards of a store's runs once more, for what stand-ins are asked.
func again(edge *cli.Edge, st *store.Store) func(context.Context, job.Shard, map[string]bool, func(string, *ledger.Exchange)) error {
	return func(ctx context.Context, which job.Shard, wanted map[string]bool, fn func(string, *ledger.Exchange)) error {
		models := provider.New(provider.Options{Bucket: st.Bucket(), ReplayOnly: true, Sim: sim.New, Now: edge.Now, Log: edge.Logger()})
		err := calls.Again(ctx, job.Env{Store: st, Models: models, Log: edge.Logger(), Now: edge.Now, InFlight: 8}, jobs, which, wanted, fn)
		return errors.Join(err, models.Close(ctx))
	}
}

// Columns of what calls prints.
const (
	labels  = 11 // of the labels, with the indent before them
	minShow = 60
	maxShow = 100
)

// textWidth is how wide texts are shown.
func textWidth(edge *cli.Edge) int {
	width := 80
	if edge.Width != nil {
		width = edge.Width()
	}
	return min(max(width, minShow), maxShow)
}

func printCalls(edge *cli.Edge, list []*calls.Call, raw bool) error {
	p := callPrinter{w: edge.Stdout, width: textWidth(edge) - labels, raw: raw}
	row := ""
	for n, c := range list {
		if c.Row != row {
			if row = c.Row; n > 0 {
				p.line("")
			}
			p.line(text.Line(row) + "  " + fmt.Sprintf("%s/%d", c.Step, c.Shard))
		}
		p.call(n+1, c)
	}
	return p.err
}

type callPrinter struct {
	w     io.Writer
	width int // of texts
	raw   bool
	err   error
}

func (p *callPrinter) line(s string) {
	if _, err := io.WriteString(p.w, strings.TrimRight(s, " ")+"\n"); p.err == nil {
		p.err = err
	}
}

// said prints a text beside its label; "" prints nothing.
func (p *callPrinter) said(label, s string) {
	if s == "" {
		return
	}
	for _, line := range text.Wrap(text.Safe(s), p.width) {
		p.line(fmt.Sprintf("  %-*s%s", labels-2, label, line))
		label = ""
	}
}

func (p *callPrinter) call(n int, c *calls.Call) {
	head := fmt.Sprintf("%d %s", n, c.Role)
	if c.Repair > 0 {
		head += fmt.Sprintf(", repair %d", c.Repair)
	}
	p.line(head)
	p.said("model", c.Model.Name+": "+c.Model.Describe())
	if !c.Model.Simulated() && c.Reported != "" {
		p.said("answered", c.Reported)
	}
	p.said("key", c.Short())
	p.said("asked", asked(c))
	p.said("tokens", tokens(c))
	p.said("redacted", text.Kinds(c.Redacted))
	p.said("as of", c.Model.AsOf)
	switch {
	case c.Missing != "":
		p.said("missing", c.Missing)
		return
	case p.raw:
		p.line("  request")
		p.line(text.Safe(string(c.Request)))
	default:
		p.messages(c.Messages)
	}
	switch {
	case c.Refused != nil:
		p.said("refused", fmt.Sprintf("HTTP %d %s %s", c.Refused.Status, c.Refused.Code, c.Refused.Message))
	case c.Answer != nil && p.raw:
		p.line("  answer")
		p.line(text.Safe(*c.Answer))
	case c.Answer != nil:
		p.said("answer", cmp.Or(*c.Answer, "(empty)"))
	}
	if c.Finish != "" && c.Finish != "stop" {
		p.said("finish", c.Finish)
	}
}

// shownLines of a system text, which every request of a role begins with, are enough to
// know it by.
const shownLines = 2

// messages prints what a request begins and ends with.
func (p *callPrinter) messages(list []llm.Message) {
	for i, m := range list {
		switch {
		case m.Role == llm.System:
			lines := text.Wrap(text.Safe(m.Content), p.width)
			if len(lines) > shownLines {
				p.said("system", strings.Join(lines[:shownLines], "\n"))
				p.said("", fmt.Sprintf("… %s more; --raw has all", text.Plural(len(lines)-shownLines, "line")))
				continue
			}
			p.said("system", m.Content)
		case i == len(list)-1:
			p.said(m.Role, m.Content)
		case i == 0 || list[i-1].Role == llm.System:
			p.said("", fmt.Sprintf("… %s before; --raw has all", text.Plural(len(list)-1-i, "message")))
		}
	}
}

func asked(c *calls.Call) string {
	if c.At == nil {
		return ""
	}
	s := c.At.Format(time.DateTime) + " UTC, " + (time.Duration(c.ElapsedMS) * time.Millisecond).String()
	if c.Tries > 1 {
		s += fmt.Sprintf(", %d tries", c.Tries)
	}
	return s
}

func tokens(c *calls.Call) string {
	u := c.Usage
	if u == nil {
		return ""
	}
	s := text.Count(u.Prompt)
	if u.Cached > 0 {
		s += " (" + text.Count(u.Cached) + " cached)"
	}
	s += " + " + text.Count(u.Completion)
	if u.Estimated > 0 {
		s += ", estimated"
	}
	if u.USD > 0 {
		s += ", " + text.Dollars(u.USD)
	}
	return s
}
