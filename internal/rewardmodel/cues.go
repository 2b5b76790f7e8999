package rewardmodel

import (
	"slices"
	"strings"
)

// A cue is a kind of activity that words of an event give away. words are lower
// case and not stemmed.
type cue struct {
	name  string
	label string // what a person calls it: "a search"
	words string
}

// cues is part of the model's format: a changed list wants a new cue name.
var cues = []cue{
	{"search", "a search", "search searches searched searching google bing baidu query queries searchbox find finds looks"},
	{"error", "an error", "error errors fail fails failed failing failure exception exceptions warning warnings bug bugs debug debugs debugging crash crashes problem issue issues incorrect traceback"},
	{"paste", "pasting", "paste pastes pasted pasting cmdv cmd ctrl v"},
	{"copy", "copying", "copy copies copied copying cmdc clipboard c"},
	{"open", "opening something", "open opens opened opening launch launches launched double starts started"},
	{"type", "typing", "type types typed typing enters entered input inputs inputted"},
	{"click", "clicking", "click clicks clicked clicking press presses pressed button"},
	{"scroll", "scrolling", "scroll scrolls scrolled scrolling"},
	{"switch", "switching windows", "switch switches switched switching returns returned resumed back"},
	{"tab", "a browser tab", "tab tabs browser chrome edge firefox web website webpage page pages"},
	{"run", "running something", "run runs ran running execute executes executed terminal console compile compiles test tests command commands"},
	{"edit", "editing code", "edit edits edited editing code codes coding script function class visual studio editor"},
	{"read", "reading", "read reads reading view views viewed viewing review reviews reviewed reviewing browse browses browsed browsing explores explored article documentation tutorial"},
	{"chat", "a chat assistant", "chat chatgpt gpt deepseek kimi assistant conversation ai"},
	{"create", "making something new", "create creates created creating new add adds added adding insert inserts"},
	{"save", "saving", "save saves saved saving download downloads downloaded export exports submit submits commit"},
	{"idle", "a pause", "idle pause pauses paused inactive afk away stays stayed no waiting briefly"},
	{"question", "a question", "how what why question questions ask asks asked which difference vs versus"},
	{"write", "writing", "write writes wrote writing note notes markdown draft drafts document md report blog email text"},
	{"navigate", "moving to a page", "navigate navigates navigated navigating visit visits visited link links url site goes lands"},
	{"move", "moving the mouse", "move moves moved moving mouse select selects selected selecting drag drags hovers interacts interacted active"},
}

// cueWords maps a word to the bits of its cues.
var cueWords = func() map[string]uint32 {
	m := map[string]uint32{}
	for i, c := range cues {
		for _, w := range strings.Fields(c.words) {
			m[w] |= 1 << i
		}
	}
	return m
}()

// cueBit returns the bit of a cue by name.
func cueBit(name string) uint32 {
	return 1 << slices.IndexFunc(cues, func(c cue) bool { return c.name == name })
}
