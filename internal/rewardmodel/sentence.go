package rewardmodel

import (
	"strings"
	"unicode"
)

// mostSentences bounds what a long task costs: what comes after so many is one of them.
const mostSentences = 12

// sentences cuts a task into its sentences; nil where it has one. A task scores no more
// than the best of them, so that nothing is earned by saying more.
func sentences(s string) (list []string) {
	start, ended := 0, false
	add := func(end int) {
		if part := strings.TrimSpace(s[start:end]); strings.ContainsFunc(part, unicode.IsLetter) {
			list = append(list, part)
		}
		start = end
	}
	for i, r := range s {
		switch {
		case len(list) == mostSentences-1:
		case strings.ContainsRune("。！？；\n", r):
			add(i + len(string(r)))
			ended = false
			continue
		case ended && unicode.IsSpace(r):
			add(i)
		}
		ended = strings.ContainsRune(".!?;", r)
	}
	add(len(s))
	if len(list) < 2 {
		return nil
	}
	return list
}

// sentences are those of a task that is a text of d; none where it has one.
func (d *Dataset) sentences(task int32) []int32 {
	if parts, known := d.parts[task]; known {
		return parts
	}
	var parts []int32
	for _, s := range sentences(d.texts[task].text) {
		parts = append(parts, d.text(s))
	}
	if d.parts == nil {
		d.parts = map[int32][]int32{}
	}
	if parts != nil {
		d.parts[task] = parts
	}
	return parts
}
