package finetuneexport

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// cutoff is the longest row, in tokens, that the training recipes allow. What
// is longer is cut by the trainer, so the manifest forecasts how many rows are.
const cutoff = 4096

// A family is a line of models that share a chat template.
type family struct {
	name  string
	model string // to start from
	// preamble is what the models' own chat template puts before any system text.
	preamble string
	// trims says that this template trims every message.
	trims bool
}

var families = []family{
	{
		name: "llama3.1", model: "meta-llama/Llama-3.1-8B-Instruct", trims: true,
		preamble: "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n",
	},
	{name: "qwen2.5", model: "Qwen/Qwen2.5-7B-Instruct"},
}

// text is a message's content as the family's own template shows it.
func (f family) text(content string) string {
	if f.trims {
		return strings.TrimSpace(content)
	}
	return content
}

type trainer struct {
	name string
	// template names the chat template that the trainer is told to use, if it is told.
	template func(family) string
	// system is the system text of a row.
	system func(f family, text string) string
	// row appends one line of a data file, without its end.
	row func(line []byte, f family, messages []*message) []byte
	// recipe is the training configuration of one set.
	recipe func(training) any
	// command starts a training, given a recipe's path, in the export's root.
	command string
	// index is the file by which the trainer finds a folder's data files.
	index, indexType string
	writeIndex       func(io.Writer, []dataSet) error
}

// A dataSet is a set's data files of one target.
type dataSet struct {
	Name  string
	Files []dataFile
	// Content tells the files by their digests. Hugging Face's loader keeps what it
	// has prepared by what a card says, not by what its files hold.
	Content string
}

// A dataFile holds one split of a set.
type dataFile struct {
	Split string
	Path  string // within the folder of the index or card that lists it
}

// A training is what a recipe is written for.
type training struct {
	target
	experiment string
	set        string
	validated  bool // there is a validation file
	seed       uint64
}

func (x training) output() string {
	return fmt.Sprintf("saves/%s/%s-%s", x.experiment, x.label(), x.set)
}

// trainerSeed fits the 32 bits that trainers take.
func (x training) trainerSeed() uint32 { return uint32(x.seed & 0x7fffffff) }

var trainers = []trainer{llamaFactory, trl}

// A target is a combination of trainer and family: one folder of files.
type target struct {
	trainer trainer
	family  family
}

// targets returns every combination, in the order asked for.
func targets(trainerNames, familyNames []string) ([]target, error) {
	var list []target
	for _, tn := range trainerNames {
		t := slices.IndexFunc(trainers, func(t trainer) bool { return t.name == tn })
		if t < 0 {
			return nil, fmt.Errorf("trainer %q is not known", tn)
		}
		for _, fn := range familyNames {
			f := slices.IndexFunc(families, func(f family) bool { return f.name == fn })
			if f < 0 {
				return nil, fmt.Errorf("family %q is not known", fn)
			}
			list = append(list, target{trainers[t], families[f]})
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no trainer or no family is asked for")
	}
	return list, nil
}

func (t target) folder() string { return t.trainer.name + "/" + t.family.name }

// label names the target where a slash may not stand.
func (t target) label() string { return t.trainer.name + "-" + t.family.name }

func (t target) dataFile(set, split string) string { return set + "_" + split + ".jsonl" }
func (t target) dataPath(set, split string) string {
	return t.folder() + "/" + t.dataFile(set, split)
}
func (t target) recipePath(set string) string { return t.folder() + "/" + set + ".yaml" }
