package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/gymline/gymline/internal/origin"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// Tags that every page has before any text that it quotes: no text can hold one.
const titleTag, identityTag, navTag, mainTag = "<title>", `<dl class="identity">`, `<nav aria-label="Sections"><ul>`, "<main>"

// WriteFor writes a page that Write made, at any time, as the page of one run: with a part
// that says which run it was, of what and by which models. The rest stays as it is.
func WriteFor(w io.Writer, page []byte, r *origin.Run) error {
	name := template.HTMLEscapeString(string(r.ID))
	page = bytes.Replace(page, []byte(titleTag), []byte(titleTag+name+": "), 1)
	page = bytes.Replace(page, []byte(identityTag), []byte(identityTag+"\n<div><dt>Run</dt><dd>"+name+"</dd></div><div><dt>Opened</dt><dd>"+
		template.HTMLEscapeString(stampOf(r.Opened))+"</dd></div>"), 1)
	links := "\n" + `<li><a href="#run">Run</a></li>`
	if r.Trainings != nil {
		links += `<li><a href="#training">Training</a></li>`
	}
	page = bytes.Replace(page, []byte(navTag), []byte(navTag+links), 1)
	return writeHead(w, page, r)
}

// writeHead writes a page with the part that a run's records supply, before all others.
func writeHead(w io.Writer, page []byte, r *origin.Run) error {
	var head bytes.Buffer
	if err := execute(&head, "origin", r); err != nil {
		return err
	}
	front, back, ok := bytes.Cut(page, []byte(mainTag))
	if !ok {
		return fmt.Errorf("report: the page of run %s has no %s", r.ID, mainTag)
	}
	_, err := w.Write(bytes.Join([][]byte{front, []byte(mainTag), head.Bytes(), back}, nil))
	return err
}

// originFacts are what a run's records say of it in a word.
func originFacts(r *origin.Run) (list []Fact) {
	say := func(name, value string) {
		if value != "" {
			list = append(list, Fact{name, value})
		}
	}
	state := r.State
	if r.State == "Unsealed" {
		state = "under way, or cut off"
	}
	say("State", state)
	say("Opened", stampOf(r.Opened))
	say("Took", took(r))
	say("By", r.By)
	say("Reason", r.Reason)
	say("Binary", "gymline "+cmp.Or(r.Version, "unknown"))
	if b := r.Binary; b != nil {
		say("Binary's sha256", string(b.Digest))
	}
	say("Seed", fmt.Sprint(r.Seed))
	say("Asked anew", r.AskedAnew)
	if s := r.Summary; s != nil {
		say("Calls", text.Count(s.Calls))
		say("Paid", paid(r))
	}
	if r.Gate != nil && r.Gate.Passed {
		say("Gate", strings.TrimPrefix(r.Gate.Sentence, "gate "))
	}
	say("Overridden", strings.Join(r.Set, ", "))
	for _, w := range r.Withdrawn {
		say("Withdrawn", fmt.Sprintf("%s (withdrawal %d: %s)", w.Source, w.Number, w.Reason))
	}
	for _, in := range r.Inputs {
		say("Input "+in.Name, text.Plural(in.Files, "file")+", "+in.Digest.Short())
	}
	return list
}

// took is from a run's opening to its seal; "" while it has none.
func took(r *origin.Run) string {
	from, err := store.ParseStamp(r.Opened)
	to, none := store.ParseStamp(r.Finished)
	if err != nil || none != nil {
		return ""
	}
	return seconds(to.Sub(from).Seconds())
}

// paid tells a run that cost nothing from one whose models have no price.
func paid(r *origin.Run) string {
	if r.Summary.USD > 0 {
		return text.Dollars(r.Summary.USD)
	}
	for _, m := range r.Models {
		if m.Price == nil && !m.Simulated() {
			return "unknown: models without a price"
		}
	}
	return "nothing"
}

// trainFacts are who trained, on what, and what came back.
func trainFacts(t origin.Training) (list []Fact) {
	say := func(name, value string) {
		if value != "" {
			list = append(list, Fact{name, value})
		}
	}
	trainer := t.Kind
	switch t.Kind {
	case plan.TrainExternal:
		trainer = "external: somebody puts it"
	case plan.TrainCommand:
		trainer = "the command " + strings.Join(t.Command, " ")
	case plan.TrainContainer:
		trainer = "the image " + strings.TrimSpace(t.Image+" "+strings.Join(t.Command, " "))
	case plan.TrainTrainJob:
		trainer = "a TrainJob of " + cmp.Or(t.Runtime, t.Image)
	}
	say("Trainer", trainer)
	for _, s := range t.Sets {
		say("Trained on", s.Name+", "+text.Plural(s.Rows.Accepted+s.Rows.Truncated, "row"))
	}
	say("Export's manifest", t.Export.Short())
	if t.Came == nil {
		say("Checkpoint", "none came yet, deadline "+t.Deadline)
	} else {
		say("Checkpoint", t.Came.Kind+", "+text.Plural(t.Came.Files, "file")+", "+text.Bytes(t.Came.Bytes))
		say("Its digest", t.Came.Tree.Short())
		say("Architecture", t.Came.Architecture)
		switch {
		case t.Put != "":
			say("Came", stampOf(t.Put))
		case t.Reused:
			say("Came", "to an earlier run")
		}
	}
	say("Base model", t.Base)
	say("Served by", strings.Join(t.ServeIt, ", "))
	return list
}
