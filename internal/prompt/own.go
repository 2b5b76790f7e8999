package prompt

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gymline/gymline/internal/llm"
)

// The roles whose system texts an experiment may write itself; docs/prompts.md
// tells what may stand in them.
const (
	RoleAgent       = "agent"
	RoleJudge       = "judge"
	RoleUser        = "user"
	RoleEnvironment = "environment"
	RoleScenes      = "scenes"
)

// MaxBytes bounds a text of an experiment's own.
const MaxBytes = 32 << 10

// A role's text is words and fields. What a field stands for is gymline's own: what
// the role must know of data and answers, so that whatever else a text says, answers
// can be read.
type role struct {
	text     string   // the built-in one
	required []string // fields that every text has
	optional []string
}

var roles = map[string]role{
	RoleAgent:       {agentText, []string{"Data", "Answer"}, []string{"MaxTasks"}},
	RoleJudge:       {judgeText, []string{"Data", "Answer"}, nil},
	RoleUser:        {userText, []string{"Data", "Activity", "GoalMet", "Verdict"}, nil},
	RoleEnvironment: {environmentText, []string{"Data", "Events", "Result"}, nil},
	RoleScenes:      {scenesText, []string{"Data", "Answer"}, nil},
}

// Roles are the roles' names, in alphabetical order.
func Roles() []string { return slices.Sorted(maps.Keys(roles)) }

// BuiltIn is the text of a role that an experiment leaves out; ok says whether there
// is such a role.
func BuiltIn(name string) (text string, ok bool) {
	r, ok := roles[name]
	return r.text, ok
}

// fill is a role's system text. own is an experiment's own text; "" is the built-in
// one. values are fields with what they stand for, in turn.
func fill(name, own string, values ...string) string {
	if own == "" {
		own = roles[name].text
	}
	for i := 0; i < len(values); i += 2 {
		values[i] = reference(values[i])
	}
	return strings.NewReplacer(values...).Replace(own)
}

func reference(field string) string { return "{{." + field + "}}" }

// Text is what a file's bytes say: without a byte order mark, with plain ends of
// lines, and without space around it.
func Text(file []byte) string {
	s := strings.TrimPrefix(string(file), "\ufeff")
	return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
}

// A Fault is one thing wrong with a file that holds a text. Line and column count
// from 1.
type Fault struct {
	Line, Column int
	Message, Fix string
}

// Faults are all that is wrong with a file as the text of a role, in its order.
func Faults(name string, file []byte) []Fault {
	r := roles[name]
	s := string(file)
	switch text := Text(file); {
	case text == "":
		return []Fault{{1, 1, "has no text", "write one, or leave the prompt out: 'gymline prompts show " + name + "' prints the built-in text"}}
	case len(text) > MaxBytes:
		return []Fault{{1, 1, fmt.Sprintf("is %d bytes long, and a prompt has at most %d", len(text), MaxBytes), "shorten it"}}
	}
	var faults []Fault
	add := func(at int, message, fix string) {
		line, column := position(s, at)
		faults = append(faults, Fault{line, column, message, fix})
	}
	for at, c := range s {
		switch {
		case c == utf8.RuneError && !strings.HasPrefix(s[at:], "\ufffd"):
			add(at, "is no UTF-8 from here on", "save the file as UTF-8")
			return faults
		case c < ' ' && c != '\n' && c != '\t' && !strings.HasPrefix(s[at:], "\r\n"), c == 0x7f:
			add(at, fmt.Sprintf("holds the control character %U", c), "remove it")
		}
	}
	for from := 0; ; {
		start, end := llm.NextControl(s, from)
		if start < 0 {
			break
		}
		add(start, "holds "+s[start:end]+", a control token of chat templates, which would end the system text", "remove it")
		from = end
	}
	used := map[string]bool{}
	for from := 0; ; {
		i := strings.Index(s[from:], "{{")
		if i < 0 {
			break
		}
		at := from + i
		field, known := r.at(s[at:])
		used[field] = true
		if !known {
			add(at, unknownField(s[at:], name), "use "+r.list())
		}
		from = at + len("{{")
	}
	for _, field := range r.required {
		if !used[field] {
			add(len(strings.TrimRight(s, " \t\r\n")), reference(field)+" is missing, and the role "+name+" needs it", "put it where gymline shall say it; 'gymline prompts show "+name+"' prints a text that has it")
		}
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	return faults
}

// at is the field that a text starts with.
func (r role) at(text string) (field string, known bool) {
	for _, field := range r.fields() {
		if strings.HasPrefix(text, reference(field)) {
			return field, true
		}
	}
	return "", false
}

func (r role) fields() []string { return slices.Concat(r.required, r.optional) }

func (r role) list() string {
	var list []string
	for _, field := range r.fields() {
		list = append(list, reference(field))
	}
	return strings.Join(list, ", ") + "; nothing else may stand in {{…}}"
}

// unknownField says what starts with {{ and is no field of the role.
func unknownField(text, role string) string {
	line, _, _ := strings.Cut(text, "\n")
	if inner, _, ok := strings.Cut(strings.TrimPrefix(line, "{{"), "}}"); ok && len(inner) <= 40 {
		return fmt.Sprintf("{{%s}} is no field of the role %s", inner, role)
	}
	return "{{ starts no field of the role " + role
}

// position is where a byte of a text stands.
func position(s string, at int) (line, column int) {
	before := s[:min(at, len(s))]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}
