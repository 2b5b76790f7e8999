package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A form is how a licence is told by its words: from where to where its text goes,
// and how many words that may be. A clause put into it makes it longer.
type form struct {
	id         string
	begin, end string
	min, max   int
}

// forms are the licences that a linked module may have: those that ask for their
// text to go with a binary, and for nothing else of who uses or sells it. They are
// looked for in this order; what one has taken, the next does not see.
var forms = []form{
	{"Apache-2.0", "apache license version 2 0 january 2004", "see the license for the specific language governing permissions and limitations under the license", 1500, 1720},
	{"Apache-2.0", "apache license version 2 0 january 2004", "of your accepting any such warranty or additional liability", 1400, 1450},
	{"Apache-2.0", "licensed under the apache license version 2 0", "limitations under the license", 60, 90},
	{"MIT", "permission is hereby granted free of charge to any person obtaining a copy of this software and associated documentation files", "use or other dealings in the software", 150, 175},
	{"ISC", "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted", "use or performance of this software", 100, 130},
	{"BSD-3-Clause", "redistribution and use in source and binary forms", "even if advised of the possibility of such damage", 195, 230},
	{"BSD-2-Clause", "redistribution and use in source and binary forms", "even if advised of the possibility of such damage", 160, 194},
}

// beside is how many words a file may have beside licences that are known: names,
// years, headings, and which files they are for.
const beside = 150

// refused are words that no file may have beside the text of a known licence.
var refused = []string{"commons clause", "public license", "source license", "elastic license", "polyform", "non commercial", "noncommercial", "not for evil", "all rights are reserved", "advertising materials", "may not"}

var notWords = regexp.MustCompile(`[^a-z0-9]+`)

// licencesOf tells the licences that a file holds. It fails when the file says more
// than they do.
func licencesOf(text []byte) ([]string, error) {
	rest := " " + notWords.ReplaceAllString(strings.ToLower(string(text)), " ") + " "
	found := map[string]bool{}
	for _, f := range forms {
		for from := 0; ; {
			begin := strings.Index(rest[from:], " "+f.begin+" ")
			if begin < 0 {
				break
			}
			begin += from
			end := strings.Index(rest[begin:], " "+f.end+" ")
			if end < 0 {
				break
			}
			end += begin + len(f.end) + 1
			if n := len(strings.Fields(rest[begin:end])); n < f.min || n > f.max {
				from = begin + 1
				continue
			}
			found[f.id] = true
			rest = rest[:begin] + " " + rest[end:]
		}
	}
	ids := slices.Sorted(maps.Keys(found))
	rest = strings.Join(strings.Fields(rest), " ")
	for _, words := range refused {
		if strings.Contains(rest, words) {
			return ids, fmt.Errorf("it speaks of %q", words)
		}
	}
	if len(ids) == 0 {
		return nil, errors.New("no licence that is known")
	}
	if n := len(strings.Fields(rest)); n > beside {
		return ids, fmt.Errorf("it has %d words beside %s", n, strings.Join(ids, " and "))
	}
	return ids, nil
}

// check reads every module's licences, and says all that is wrong at once.
func check(modules []*module) error {
	var wrong []error
	for _, m := range modules {
		found := map[string]bool{}
		own := false
		for _, f := range m.files {
			if !isLicence(f.name) {
				continue
			}
			own = own || !strings.Contains(f.name, "/")
			ids, err := licencesOf(f.text)
			for _, id := range ids {
				found[id] = true
			}
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%s %s: %s: %w", m.path, m.version, f.name, err))
			}
		}
		if !own {
			wrong = append(wrong, fmt.Errorf("%s %s: no file LICENSE or COPYING", m.path, m.version))
		}
		m.licences = slices.Sorted(maps.Keys(found))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w\nread them, then do without the module or teach tools/sbom/licence.go the licence", errors.Join(wrong...))
	}
	return nil
}

// used are all licences of modules, each once.
func used(modules []*module) []string {
	var ids []string
	for _, m := range modules {
		ids = append(ids, m.licences...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// together is every text that has to go with the binary.
func together(modules []*module) []byte {
	var b bytes.Buffer
	for _, m := range modules {
		for _, f := range m.files {
			fmt.Fprintf(&b, "==== %s %s: %s\n\n%s\n\n", m.path, m.version, f.name, bytes.TrimSpace(f.text))
		}
	}
	return b.Bytes()
}
