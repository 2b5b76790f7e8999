package sim

import (
	"slices"
	"testing"
)

func TestPhrases(t *testing.T) {
	for text, want := range map[string][]string{
		"The user goes back and forth about the tax form between Travel Site and Budget Sheet.": {"tax form", "Travel Site", "Budget Sheet"},
		"The user adds a footnote on the five-minute speech in Word Processor.":                 {"footnote", "five-minute speech", "Word Processor"},
		"Put the answers to the survey into main.py":                                            {"survey", "main.py"},
		"Settle the page and the search results":                                                {"page", "search results"},
		"Check Firefox for mistakes":                                                            {"Firefox", "mistakes"},
		"Work out what the Python script is running":                                            {"Python script"},
		"Find out why a nightly import of customer addresses takes hours and make it faster.":   {"nightly import", "customer addresses"},
		"Set up a weekly running plan for a first race":                                         {"weekly running plan", "race"},
		"Write a Ruby script to automatically capitalize names by removing spaces":              {"Ruby script", "names", "spaces"},
		"Schedule a meeting with Dr. Robinson.":                                                 {"meeting", "Dr Robinson"},
		"The agent runs message.show for HTML/CSS":                                              {"HTML", "CSS"},
		"打开文件 main.py":                                                                          {"打开文件 main.py"},
		"":                                                                                      nil,
	} {
		var got []string
		for _, p := range phrases(text) {
			got = append(got, p.text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q names %q, want %q", text, got, want)
		}
	}
}

func TestGist(t *testing.T) {
	for event, want := range map[string]gist{
		"Server Log shows 'error: undefined name' while the user works on the nightly import.":  {"'error: undefined name'", "Server Log", ""},
		"The user goes back and forth about the tax form between Travel Site and Budget Sheet.": {"the tax form", "Budget Sheet", "Travel Site"},
		"The user adds a footnote on the survey in Word Processor.":                             {"the survey", "Word Processor", ""},
		"The user searches the web for 'survey guide' in Firefox.":                              {"'survey guide'", "Firefox", ""},
		"The user opens the file 'tax.xlsx'.":                                                   {"'tax.xlsx'", "", ""},
		"The user switches from Calendar to Firefox.":                                           {"Calendar", "Firefox", ""},
		"The agent uses file.open and adds a summary of 'wrong sum: survey' to Word Processor.": {"'wrong sum: survey'", "Word Processor", ""},
		"The user scrolls.": {"the current step", "", ""},
	} {
		if got := gistOf(event); got != want {
			t.Errorf("%q is about %+v, want %+v", event, got, want)
		}
	}
}

// TestThingsHaveShortNames: what explains a thing is no part of its name, and
// people and places are no things to work with.
func TestThingsHaveShortNames(t *testing.T) {
	const around = "Around you:\n- Workstation: Dual-monitor setup with a lamp\n- Text Editor (Sublime Text or VSCode)\n- Team Members\n- Kitchen Floor\n- Laptop/Computer\n- main.py"
	if got, want := things(around, "Around you:"), []string{"Workstation", "Text Editor", "Laptop", "main.py"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := things("Around you:\n- Ada\n- Ben", "Around you:"); !slices.Equal(got, []string{"Ada", "Ben"}) {
		t.Errorf("without tools there are %q", got)
	}
}
