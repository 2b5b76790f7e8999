// Package report renders a run as one self-contained HTML page with charts. It
// computes no result: every number comes in through Data, and here it is only
// ordered, placed and formatted. The same Data gives the same bytes.
package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"sync"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/origin"
	"github.com/gymline/gymline/internal/rewardmodel"
	"github.com/gymline/gymline/internal/rows"
	"github.com/gymline/gymline/internal/statistics"
	"github.com/gymline/gymline/internal/trace"
)

// Data is all that a report shows. Parts that are nil or empty are left out.
type Data struct {
	Title string
	// Experiment, Digest and Seed say what was run.
	Experiment string
	Digest     string
	Seed       uint64
	// AskedAnew says whose models were asked anew, and as of when; "": nobody's.
	AskedAnew string
	// Prompts are the experiment's own texts, by name with their digests.
	Prompts []string

	Evaluation *metrics.Evaluation
	Reward     *rewardmodel.Metrics
	Gym        *trace.Stats
	Curation   *trace.Curation
	Export     *Export
	Ledger     []rows.Counts // in the order of the line
	Samples    *Samples
	Sessions   *Samples // of the gym
}

// A Fact is a labelled value.
type Fact struct{ Name, Value string }

// Long reports whether it wants a line of its own.
func (f Fact) Long() bool { return len(f.Name)+len(f.Value) > 46 }

// Export is what was written for trainers.
type Export struct {
	Summary string // in a few words
	// Traces is how many the rows come from, Simulated in how many a stand-in had part.
	Traces, Simulated int
	Facts             []Fact
	Files             []dataset.File
}

// Samples are some traces with every candidate's answers, or sessions with the agent's,
// to browse.
type Samples struct {
	Traces    []SampleTrace
	Simulated bool // a stand-in answered or judged in some of them
	// Note says how the sample was cut from all there is.
	Note string
}

// A SampleTrace is one trace.
type SampleTrace struct {
	ID, Domain string
	Why        string // it was picked
	Turns      []SampleTurn
	Cut        int // turns left out at the end
}

// A SampleTurn is an event and the answers to it, in the candidates' order.
type SampleTurn struct {
	Time, Event string
	Disputed    bool // candidates fared differently
	Answers     []Answer
}

// An Answer is what candidates did after an event. No proposal means silence.
type Answer struct {
	Candidate string // or several, who did the same
	Proposals []string
	Outcome   string // "TP", "FP", "TN", "FN", or "" when not judged
	Score     *float64
	Reason    string
	Note      string // "no answer recorded", …
}

// Same reports whether two candidates did the same, and fared the same.
func (a Answer) Same(b Answer) bool {
	score := (a.Score == nil) == (b.Score == nil) && (a.Score == nil || *a.Score == *b.Score)
	return score && slices.Equal(a.Proposals, b.Proposals) && a.Outcome == b.Outcome && a.Reason == b.Reason && a.Note == b.Note
}

//go:embed page
var files embed.FS

// page is parsed when the first report is written: most processes write none.
var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page.html").Funcs(funcs).ParseFS(files, "page/*"))
})

// Write renders d. Nothing is written when it fails.
func Write(w io.Writer, d *Data) error { return execute(w, "page.html", d) }

// WriteStatistics renders what a run took and used as a page of its own. Nothing
// is written when it fails.
func WriteStatistics(w io.Writer, r *statistics.Run, from *origin.Run) error {
	var b bytes.Buffer
	if err := execute(&b, "statistics.html", r); err != nil {
		return err
	}
	of := *from
	of.Summary = nil // its calls and cost are of more shards than those that the page sums up
	return writeHead(w, b.Bytes(), &of)
}

func execute(w io.Writer, name string, data any) error {
	var b bytes.Buffer
	if err := page().ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}
