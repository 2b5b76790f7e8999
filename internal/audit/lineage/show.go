package lineage

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// How much a tree shows of many.
const (
	shownAlike = 3   // links of one kind on one node
	shownText  = 160 // letters of what a node says
)

// A Printer shows links as a tree that fits a width. Of many alike it shows the first.
type Printer struct {
	w      io.Writer
	width  int
	prefix string // of the run's own nodes
	way    string
	alike  []alike // by depth
	hidden int     // what hangs deeper is on a node that is not shown; 0: nothing is
	err    error
}

// alike counts the links that hang on one node in one way.
type alike struct {
	of, how string
	count   int
}

// NewPrinter shows links of a run.
func NewPrinter(w io.Writer, width int, run store.RunID) *Printer {
	return &Printer{w: w, width: width, prefix: string(run) + "/"}
}

// Link shows a link.
func (p *Printer) Link(l *Link) error {
	if p.hidden > 0 && l.Depth > p.hidden {
		return p.err
	}
	p.hidden = 0
	same := len(p.alike) > l.Depth && p.alike[l.Depth].of == l.Of && p.alike[l.Depth].how == l.How && p.way == l.Way
	p.close(l.Depth + 1)
	if !same {
		p.close(l.Depth)
		for len(p.alike) <= l.Depth {
			p.alike = append(p.alike, alike{})
		}
		p.alike[l.Depth] = alike{of: l.Of, how: l.How}
	}
	if p.way != l.Way {
		p.way = l.Way
		if head := map[string]string{Up: "made of", Down: "made of it"}[l.Way]; head != "" {
			p.say(0, head)
		}
	}
	a := &p.alike[l.Depth]
	if a.count++; l.Depth > 0 && a.count > shownAlike {
		p.hidden = l.Depth
		return p.err
	}
	p.node(l)
	return p.err
}

// End shows what is left to be said.
func (p *Printer) End() error {
	p.close(0)
	return p.err
}

// close ends the groups from a depth on.
func (p *Printer) close(depth int) {
	for len(p.alike) > depth {
		last := len(p.alike) - 1
		a := p.alike[last]
		p.alike = p.alike[:last]
		if more := a.count - shownAlike; more > 0 && last > 0 {
			p.say(last, fmt.Sprintf("… %s more; -o json has all", text.Count(more)))
		}
	}
}

func (p *Printer) node(l *Link) {
	name := strings.TrimPrefix(l.ID, p.prefix)
	if l.Kind == Call && l.Call != nil {
		name = l.Call.Short() + " " + l.Call.Model.Name
	}
	p.say(l.Depth, strings.TrimSpace(l.How+" "+name))
	about := []string{}
	if l.Digest != "" {
		about = append(about, string(l.Digest[:min(12, len(l.Digest))]))
	}
	if l.MadeBy != "" {
		about = append(about, "made by "+string(l.MadeBy))
	}
	if l.Line > 0 && len(l.Files) > 0 {
		where := fmt.Sprintf("line %d of %s", l.Line, path.Base(l.Files[0]))
		if len(l.Files) > 1 {
			where += fmt.Sprintf(" in %d folders", len(l.Files))
		}
		about = append(about, where)
	}
	if n := len(l.Origins); n > 0 {
		from := "from " + l.Origins[0]
		if n > 1 {
			from += fmt.Sprintf(" and %d more", n-1)
		}
		about = append(about, from)
	}
	if l.Count > 0 {
		noun := map[string]string{Session: "turn"}[l.Kind]
		if noun == "" {
			noun = "row"
		}
		about = append(about, text.Plural(l.Count, noun))
	}
	if len(about) > 0 {
		p.say(l.Depth+1, strings.Join(about, ", "))
	}
	said := l.Text
	if c := l.Call; c != nil && c.Missing != "" {
		said = c.Missing
	} else if c != nil && c.Refused != nil {
		said = fmt.Sprintf("refused: HTTP %d %s", c.Refused.Status, c.Refused.Message)
	}
	if said != "" {
		p.say(l.Depth+1, text.Clip(text.Line(said), shownText))
	}
}

// say writes a text at a depth, in as many lines as it takes.
func (p *Printer) say(depth int, s string) {
	indent := strings.Repeat("  ", min(depth, 12))
	for i, line := range text.Wrap(text.Safe(s), max(p.width-len(indent)-2, 24)) {
		if i > 0 {
			line = "  " + line
		}
		if _, err := io.WriteString(p.w, indent+line+"\n"); p.err == nil {
			p.err = err
		}
	}
}

// A Dot writes links as a graph in Graphviz's language; arrows go with time.
type Dot struct {
	w   io.Writer
	err error
}

// NewDot begins a graph.
func NewDot(w io.Writer) *Dot {
	_, err := io.WriteString(w, "strict digraph lineage {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n")
	return &Dot{w, err}
}

// Link writes a node and its arrow.
func (d *Dot) Link(l *Link) error {
	label := l.Kind + "\n" + l.ID
	if l.Text != "" {
		label += "\n" + text.Clip(text.Line(l.Text), shownText/2)
	}
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, "  %s [label=%s];\n", quoted(l.ID), quoted(label))
	}
	if l.Of == "" || d.err != nil {
		return d.err
	}
	from, to := l.Of, l.ID
	if l.Way == Up {
		from, to = to, from
	}
	_, d.err = fmt.Fprintf(d.w, "  %s -> %s [label=%s];\n", quoted(from), quoted(to), quoted(l.How))
	return d.err
}

// End ends the graph.
func (d *Dot) End() error {
	if d.err == nil {
		_, d.err = io.WriteString(d.w, "}\n")
	}
	return d.err
}

// quoted is a text as dot has it: only quotes and backslashes mean something there, and a
// line's end is \n.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text.Safe(s)) + `"`
}

// Lines writes links as JSON, one a line.
func Lines(w io.Writer) func(*Link) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return func(l *Link) error { return enc.Encode(l) }
}
