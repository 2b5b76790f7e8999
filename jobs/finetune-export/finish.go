package finetuneexport

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/template"

	"github.com/goccy/go-yaml"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/text"
)

// cardFile is the dataset card, where Hugging Face's loader looks for configs.
const (
	cardFile = "README.md"
	markdown = "text/markdown; charset=utf-8"
)

//go:embed cards.md.tmpl
var cardText string

var cards = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("cards").Funcs(template.FuncMap{"plural": plural, "kinds": text.Kinds[int]}).Parse(cardText))
})

// plural has no commas: the card's bytes are digested.
func plural(n int, noun string) string { return fmt.Sprintf("%d %s", n, text.Noun(n, noun)) }

// finish writes what goes by the rows: recipes, indexes, card and manifest.
func (e *exporter) finish() error {
	for _, s := range e.sets {
		if written(s.Set, train) == 0 {
			return fault.New(fault.Permanent, fmt.Errorf("finetune-export: the set %s has no training row (%s)", s.Name, causes(s.Rows.Causes)),
				"generate more sessions, add data, or lower export.validation")
		}
	}
	m := e.manifest()
	if over := m.TooLong(); len(over) > 0 && e.params.Overlong == overlongFail {
		return fault.New(fault.Permanent, fmt.Errorf("finetune-export: %s", strings.Join(over, "; ")), "export.overlong is fail: drop leaves such rows out, keep leaves them to the trainer")
	}
	for _, to := range e.targets {
		if err := e.recipes(to); err != nil {
			return err
		}
	}
	if n := e.gate.Unfinished(); n > 0 {
		e.task.Log.Warn("searches for events of the benchmark were given up: too many texts share most of their words and are not alike", "searches", n)
	}
	card := e.files.create(cardFile, markdown)
	about, err := e.card(m)
	if err != nil {
		return err
	}
	if err := cards().ExecuteTemplate(card, "export", about); err != nil {
		return fmt.Errorf("output %s: %w", cardFile, err)
	}
	if m.Files, err = e.files.infos(); err != nil {
		return err
	}
	return e.task.WriteJSON(plan.ManifestOutput, m)
}

func causes(counts map[string]int) string {
	if len(counts) == 0 {
		return "no judged row came in"
	}
	var list []string
	for _, cause := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d × %s", counts[cause], cause))
	}
	return strings.Join(list, ", ")
}

// recipes writes a target's training files and its index of data files.
func (e *exporter) recipes(to target) error {
	for _, s := range e.sets {
		x := training{to, e.params.Name, s.Name, written(s.Set, validation) > 0, e.task.Seed}
		data, err := yaml.Marshal(to.trainer.recipe(x))
		if err != nil {
			return fmt.Errorf("output %s: %w", to.recipePath(s.Name), err)
		}
		f := e.files.create(to.recipePath(s.Name), job.YAML)
		f.info.Trainer, f.info.Family, f.info.Set = to.trainer.name, to.family.name, s.Name
		if _, err := fmt.Fprintf(f, "# In the export's root folder: %s %s\n%s", to.trainer.command, f.info.Path, data); err != nil {
			return err
		}
	}
	f := e.files.create(to.folder()+"/"+to.trainer.index, to.trainer.indexType)
	f.info.Trainer, f.info.Family = to.trainer.name, to.family.name
	list, err := e.dataFiles(to)
	if err != nil {
		return err
	}
	if err := to.trainer.writeIndex(f, list); err != nil {
		return fmt.Errorf("output %s: %w", f.info.Path, err)
	}
	return nil
}

func (e *exporter) dataFiles(to target) ([]dataSet, error) {
	var list []dataSet
	for _, s := range e.sets {
		d := dataSet{Name: s.Name}
		var digests []string
		for _, split := range []string{train, validation} {
			if written(s.Set, split) == 0 {
				continue
			}
			digest, err := e.files.digest(to.dataPath(s.Name, split))
			if err != nil {
				return nil, err
			}
			digests = append(digests, split+" sha256:"+string(digest))
			d.Files = append(d.Files, dataFile{split, to.dataFile(s.Name, split)})
		}
		d.Content = strings.Join(digests, ", ")
		list = append(list, d)
	}
	return list, nil
}

func (e *exporter) manifest() *dataset.Manifest {
	m := &dataset.Manifest{
		Format: Format, Experiment: e.params.Name,
		Prompt: dataset.Prompt{Version: prompt.Version, Candidates: e.params.Candidates, MaxHistory: e.params.MaxHistory, Own: e.params.Prompts.Digests()},
		Split:  dataset.Split{Validation: e.params.Validation, Seed: e.task.Seed, Traces: e.splits.counts(), Alone: e.splits.alone},
	}
	for _, name := range slices.Sorted(maps.Keys(e.tally)) {
		m.Sources = append(m.Sources, *e.tally[name])
		m.Simulated = m.Simulated || e.tally[name].Simulated > 0
	}
	m.Models = e.models
	if e.params.Benchmark != nil {
		m.Benchmark = &dataset.Benchmark{Traces: e.gate.Traces(), Events: len(e.gate.Events()), Similarity: e.params.Leakage, Unfinished: e.gate.Unfinished(), Rejected: map[string]int{}, Kept: map[string]int{}}
	}
	for _, s := range e.sets {
		s.Systems = s.systems.list
		m.Sets = append(m.Sets, s.Set)
		switch {
		case m.Benchmark == nil:
		case s.evaluated:
			m.Benchmark.Rejected[s.Name] = s.Rows.Causes[causeBenchmark]
		default:
			m.Benchmark.Kept[s.Name] = s.shared
		}
	}
	return m
}

type card struct {
	*dataset.Manifest
	Size     string // Hugging Face's class of size
	Configs  []dataSet
	Commands []string // each starts one training
}

func (e *exporter) card(m *dataset.Manifest) (card, error) {
	c := card{Manifest: m}
	n := 0
	for _, s := range e.sets {
		n += s.Rows.Yields
	}
	c.Size = sizeClass(n)
	for _, to := range e.targets {
		list, err := e.dataFiles(to)
		if err != nil {
			return c, err
		}
		for _, d := range list {
			c.Commands = append(c.Commands, to.trainer.command+" "+to.recipePath(d.Name))
			d.Name = to.label() + "-" + d.Name
			for i := range d.Files {
				d.Files[i].Path = to.folder() + "/" + d.Files[i].Path
			}
			c.Configs = append(c.Configs, d)
		}
	}
	return c, nil
}

// sizeClass is the tag that Hugging Face lists a data set of n rows under.
func sizeClass(n int) string {
	below := 1000
	for _, class := range []string{"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M"} {
		if n < below {
			return class
		}
		below *= 10
	}
	return "n>10M"
}
