package planner

import (
	"github.com/gymline/gymline/internal/experiment"
	"github.com/gymline/gymline/internal/leak"
	"github.com/gymline/gymline/internal/plan"
)

// notCompared stands for curate.leakage where there is no benchmark, in keys and digests:
// they have always said so.
const notCompared = 0.8

// uncompared is the section curate as digests have it.
func uncompared(spec *experiment.Spec) *experiment.Curate {
	if spec.Curate == nil || spec.Evaluate != nil || spec.Curate.Leakage != 0 {
		return spec.Curate
	}
	curate := *spec.Curate
	curate.Leakage = notCompared
	return &curate
}

// leakage is the similarity from which a text is taken for an event of the benchmark.
func (b *builder) leakage() float64 {
	if c := b.e.Spec.Curate; c != nil && c.Leakage != 0 {
		return c.Leakage
	}
	return leak.Similarity
}

// leaks is what generate does with what is in the benchmark; nil where it does nothing.
func (b *builder) leaks(do string) *plan.Leaks {
	v := b.e.Spec.Evaluate
	if v == nil || do == "" || do == leak.Report {
		return nil
	}
	l := &plan.Leaks{Benchmark: *file(&v.Benchmark), Similarity: b.leakage(), Do: do}
	if do == leak.Fail {
		l.Prompts = b.promptFiles()
	}
	return l
}

// gymInputs are what curate holds the benchmark against.
func (b *builder) gymInputs() *plan.GymInputs {
	s := b.e.Spec.Generate.Scenes
	return &plan.GymInputs{Scenes: file(s.File), Limit: s.Limit, Seeds: file(s.Seeds), Prompts: b.promptFiles(), Dropped: s.Leaks == leak.Drop}
}

func (b *builder) promptFiles() (files []plan.File) {
	for _, p := range b.plan.Prompts {
		files = append(files, p.File)
	}
	return files
}
