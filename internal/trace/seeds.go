package trace

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/gymline/gymline/internal/fault"
)

// A SeedDomain is what scenes of one domain are written from.
type SeedDomain struct {
	Domain string   // "coding", "writing", …
	Tasks  []string // what a user may want to do, one sentence each
	Events []string // sample events, which show the wording of real ones
	// TaskLines and EventLines are the lines of the file that these stand on.
	TaskLines, EventLines []int
}

// seedEvents is how many sample events a scene is written from.
const seedEvents = 8

// A SeedPick is what a scene is written from: a domain of the file, one of its tasks and
// some of its sample events, each by index.
type SeedPick struct {
	Domain, Task int
	Events       []int
}

// PickSeed chooses what the n-th written scene starts from. Domains take turns, and
// within one no task comes again before all have come. rand is the step's.
func PickSeed(domains []SeedDomain, n int, rand func(path ...string) *rand.Rand) SeedPick {
	pick := SeedPick{Domain: n % len(domains)}
	d := &domains[pick.Domain]
	turn := n / len(domains)
	round := strconv.Itoa(turn / len(d.Tasks))
	pick.Task = rand("seed tasks", d.Domain, round).Perm(len(d.Tasks))[turn%len(d.Tasks)]
	pick.Events = rand("sample events", strconv.Itoa(n)).Perm(len(d.Events))[:min(seedEvents, len(d.Events))]
	return pick
}

// SeedTasks tells of each of the first scenes written from seeds, until every task has
// come, which task it is: the n-th of these is the first of its task.
func SeedTasks(domains []SeedDomain, rand func(path ...string) *rand.Rand) (first map[[2]int]int) {
	first = map[[2]int]int{}
	all := 0
	for _, d := range domains {
		all += len(d.Tasks)
	}
	for n := 0; len(first) < all; n++ {
		pick := PickSeed(domains, n, rand)
		if _, come := first[[2]int{pick.Domain, pick.Task}]; !come {
			first[[2]int{pick.Domain, pick.Task}] = n
		}
	}
	return first
}

// ReadSeeds reads a YAML file of seed tasks:
//
//	DOMAIN: {tasks: [TEXT, …], sample_events: [TEXT, …]}
//
// Domains keep the file's order. The ending "assistant", which ProactiveBench
// gives its domains, is taken off. name stands for the file in errors, each of
// which is permanent and says file:line:column. All that is wrong is told at once.
func ReadSeeds(name string, data []byte) ([]SeedDomain, error) {
	var file seedFile
	if err := readYAML(name, data, &file); err != nil {
		return nil, err
	}
	var out []SeedDomain
	var wrong problems
	seen := map[string]bool{}
	for _, d := range file {
		if d.err != nil {
			wrong.add(located(name, d.err))
			continue
		}
		domain := SeedDomain{
			Domain: domainName(d.name.Text),
			Tasks:  texts(d.value.Tasks), Events: texts(d.value.Events),
			TaskLines: linesOf(d.value.Tasks), EventLines: linesOf(d.value.Events),
		}
		switch {
		case domain.Domain == "":
			wrong.add(d.name.errorf(name, "a domain has no name"))
		case seen[domain.Domain]:
			wrong.add(d.name.errorf(name, "the domain %q stands here a second time", domain.Domain))
		case len(domain.Tasks) == 0:
			wrong.add(d.name.errorf(name, "the domain %q has no tasks", domain.Domain))
		case len(domain.Events) == 0:
			wrong.add(d.name.errorf(name, "the domain %q has no sample_events", domain.Domain))
		}
		noneBlank(name, &wrong, d.value.Tasks, d.value.Events)
		seen[domain.Domain] = true
		out = append(out, domain)
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Permanent, fmt.Errorf("%s:1:1: it holds no domain", name), "give at least one domain with tasks and sample_events")
	}
	return out, nil
}

// domainName is the short name of a domain: "codingassistant" is "coding".
func domainName(s string) string {
	s = OneLine(s)
	if short := strings.TrimRight(strings.TrimSuffix(s, "assistant"), " -_"); short != "" {
		return short
	}
	return s
}

// seedFile is the file's mapping in its own order.
type seedFile []seedEntry

type seedEntry struct {
	err   error // of the YAML package; the rest may be missing
	name  text
	value struct {
		Tasks  []text `yaml:"tasks"`
		Events []text `yaml:"sample_events"`
	}
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (f *seedFile) UnmarshalYAML(node ast.Node) error {
	m, ok := node.(ast.MapNode)
	if !ok {
		return &yaml.SyntaxError{Message: "want a mapping of domains", Token: node.GetToken()}
	}
	for it := m.MapRange(); it.Next(); {
		var e seedEntry
		if e.err = e.name.UnmarshalYAML(it.Key()); e.err == nil {
			e.err = known(yaml.NodeToValue(it.Value(), &e.value, yaml.Strict()), "DOMAIN: {tasks: [TEXT, …], sample_events: [TEXT, …]}")
		}
		*f = append(*f, e)
	}
	return nil
}

func texts(in []text) []string {
	var out []string
	for _, t := range in {
		out = append(out, OneLine(t.Text))
	}
	return out
}

func linesOf(in []text) (out []int) {
	for _, t := range in {
		line := 1
		if t.pos != nil {
			line = t.pos.Line
		}
		out = append(out, line)
	}
	return out
}

// noneBlank adds every text that is blank.
func noneBlank(file string, wrong *problems, lists ...[]text) {
	for _, list := range lists {
		for _, t := range list {
			if strings.TrimSpace(t.Text) == "" {
				wrong.add(t.errorf(file, "this text is empty"))
			}
		}
	}
}
