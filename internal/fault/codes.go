package fault

import (
	"fmt"
	"slices"
	"strings"
)

// A Meaning is what an exit code says.
type Meaning struct {
	Code int
	Name string
	Text string // one line, without a capital or a full stop
}

// Meanings are all exit codes, the only ones that gymline ends with.
func Meanings() []Meaning {
	return []Meaning{
		{OK, "OK", "done"},
		{Different, "Different", "different: what 'gymline diff' compared is not equal; no other command ends with it"},
		{Usage, "Usage", "unknown command, flag or argument"},
		{Permanent, "Permanent", "permanent: bad data, a damaged store, a deadline that passed; trying again does not help"},
		{Gate, "Gate", "done, and a rule of the gate is broken; the sentence says which"},
		{Budget, "Budget", "the budget is used up; raise it and run again to go on"},
		{Internal, "Internal", "a defect of gymline's own"},
		{Temporary, "Temporary", "temporary: the store, the network or a provider failed, or a disk is full; try again"},
		{Config, "Config", "bad configuration or credentials"},
		{Interrupted, "Interrupted", "interrupted; what was done is kept"},
	}
}

// Known reports whether an exit code is one of gymline's.
func Known(code int) bool {
	return slices.ContainsFunc(Meanings(), func(m Meaning) bool { return m.Code == code })
}

// Help lists the exit codes as a command's help shows them.
func Help() string {
	var b strings.Builder
	b.WriteString("Exit codes:")
	for _, m := range Meanings() {
		fmt.Fprintf(&b, "\n  %-5d%s", m.Code, m.Text)
	}
	return b.String()
}
