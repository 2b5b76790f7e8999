package redact

import "strings"

// A source is a text that is searched from its beginning to its end. It remembers
// what comes next of each thing that is looked for, so that a text with much to
// find is not read anew for each find.
type source struct {
	text   string
	pem    next
	runEnd int  // of the run of characters that keys are made of
	path   next // the last path whose beginning was looked for
	users  [len(folders)]next
	ats    [2]next
	forms  [numForms]next
	cookie int // where the values of a header go on
}

// A next is the next place of something, and stays so until a search is past it.
type next struct {
	start, end int
	known      bool
}

// from returns the first place from i on, which find looks up if need be; -1 when
// there is none.
func (n *next) from(i int, find func(from int) (start, end int)) (start, end int) {
	if !n.known || n.start >= 0 && n.start < i {
		n.start, n.end = find(i)
		n.known = true
	}
	return n.start, n.end
}

const numForms = 6

// keyForms are the forms of keys: by themselves, and by what stands around them.
var keyForms = [numForms]func(s *source, from int) (start, end int){findToken, findUserinfo, findPassword, findBasic, findAuthorization, findCookie}

// indexFold is strings.Index from a place on, whatever the letters' case; word is in
// small letters.
func indexFold(text string, from int, word string) int {
	first := word[0]
	for i := from; i+len(word) <= len(text); i++ {
		if text[i]|0x20 == first && strings.EqualFold(text[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

// span is where the bytes of a set end that stand at i, at most so many of them.
func span(text string, i, most int, set *[256]bool) int {
	text = text[:min(len(text), i+most)]
	for i < len(text) && set[text[i]] {
		i++
	}
	return i
}
