package leak

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/trace"
)

func benchmark(texts ...string) []trace.Trace {
	t := trace.Trace{ID: "code_1"}
	for _, s := range texts {
		t.Turns = append(t.Turns, trace.Turn{Event: trace.Event{Time: "1", Text: s}})
	}
	return []trace.Trace{t}
}

const (
	search = "The user scrolled through the Google search results for '如何验证电子邮件地址' in Chrome."
	report = "The user opens the monthly sales report of the northern region in the spreadsheet."
	chat   = "用户在聊天窗口中输入了一条关于会议时间的消息"
)

// Re-wordings of the kinds that recordings have are found, and what only shares a frame
// is not.
func TestFind(t *testing.T) {
	gate := New(benchmark(search, report, chat, report), Similarity)
	for text, want := range map[string]int{
		search: 0, report: 1, chat: 2,
		"the user scrolled through the google search results for “email validation” in Chrome":        0, // translated
		"The user opens the monthly sales report of the southern region in the spreadsheet.":          1, // another word
		"The user opens the monthly sales report of the northern region in the sheet, and closes it.": 1,
		"用户在聊天窗口中输入了一条关于会议地点的消息":                                                                      2, // a script without spaces, by its characters
		"The user scrolled through the list of recent files in the editor.":                           -1,
		"The user opens the calendar.":                           -1,
		"The user looks at the sales figures of the north.":      -1, // the same in other words
		"The user typed a message about the time of the meeting": -1, // a whole translation
		"": -1,
	} {
		m, found := gate.Find(text)
		if found != (want >= 0) || found && m.Text != want {
			t.Errorf("%q: %+v, %v, want %d", text, m, found, want)
		}
	}
	if m, _ := gate.Find(report); m.Similarity != 1 || gate.Events()[3] != (Event{"code_1/3", report}) || gate.Unfinished() != 0 {
		t.Errorf("%+v of %+v", m, gate.Events())
	}
	// At 0.8 the translated title is a stranger: characters alone would not even come near.
	if _, found := New(benchmark(search), 0.8).Find("The user scrolled through the Google search results for 'how to' in Chrome."); found {
		t.Error("alike at 0.8")
	}
	var none *Gate
	if _, found := none.Find(report); found || none.Events() != nil || none.Unfinished() != 0 {
		t.Error("a gate without a benchmark finds something")
	}
}

func read(t *testing.T, files map[string]string, from plan.GymInputs) Inputs {
	t.Helper()
	in, err := Read(func(f plan.File) ([]byte, error) { return []byte(files[f.Path]), nil }, from)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

var files = map[string]string{
	"seeds.yaml": "coding:\n  tasks: [Write a test.]\n  sample_events:\n  - The user reads a page.\n  - " + report + "\n  - " + report + "\n" +
		"  - The user opens the monthly sales report of the southern region in the spreadsheet.\n  - The editor shows two warnings in the file.\n",
	"scenes.yaml": `- {environment: {description: a, entities: [x], agent_ops: ["open(a)"], events_example: ["` + report + `", A lamp goes on.]}, user: {description: x, goal: y}}` + "\n" +
		`- {environment: {description: b, entities: [x], agent_ops: ["open(a)"]}, user: {description: x, goal: y}}` + "\n",
	"agent.md": "You watch events. Be brief.\n\nSuch as:\n- [1717378000.744] " + report + " Then offer to sum it up.\n",
}

var all = plan.GymInputs{
	Scenes: &plan.File{Input: "in", Path: "scenes.yaml"}, Seeds: &plan.File{Input: "in", Path: "seeds.yaml"}, Prompts: []plan.File{{Input: "in", Path: "agent.md"}},
}

func TestCount(t *testing.T) {
	gate := New(benchmark(search, report, report), Similarity)
	got := gate.Count(read(t, files, all))
	want := []trace.LeakingInput{
		{What: trace.SampleEvents, File: "in/seeds.yaml", Texts: 5, Alike: 3, Events: 2, Same: 2},
		{What: trace.SceneExamples, File: "in/scenes.yaml", Texts: 2, Alike: 1, Events: 2, Same: 2},
		{What: trace.SystemPrompts, File: "in/agent.md", Texts: 7, Alike: 2, Events: 2},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	limited := all
	limited.Limit = 2
	if _, err := Read(func(plan.File) ([]byte, error) { return nil, errors.New("gone") }, limited); err == nil {
		t.Error("a file that cannot be read is none")
	}
}

func TestDrop(t *testing.T) {
	gate := New(benchmark(search, report), Similarity)
	in := read(t, files, all)
	out, err := gate.Guard(Drop, in)
	if err != nil {
		t.Fatal(err)
	}
	d := out.Seeds[0]
	if !slices.Equal(d.Events, []string{"The user reads a page.", "The editor shows two warnings in the file."}) || !slices.Equal(d.EventLines, []int{4, 8}) || len(d.Tasks) != 1 {
		t.Errorf("seeds %+v", d)
	}
	if e := out.Scenes[0].Environment.Examples; !slices.Equal(e, []string{"A lamp goes on."}) || len(out.Scenes) != 2 {
		t.Errorf("scenes %+v", out.Scenes)
	}
	if len(in.Seeds[0].Events) != 5 || len(in.Scenes[0].Environment.Examples) != 2 {
		t.Error("what was read has changed")
	}
	_, err = New(benchmark(in.Seeds[0].Events...), Similarity).Guard(Drop, in)
	if err == nil || fault.Code(err) != fault.Permanent || !strings.Contains(err.Error(), `in/seeds.yaml: every sample event of the domain "coding" is in the benchmark`) {
		t.Errorf("nothing left: %v", err)
	}
}

func TestFail(t *testing.T) {
	in := read(t, files, all)
	_, err := New(benchmark(search, report), Similarity).Guard(Fail, in)
	if err == nil || fault.Code(err) != fault.Permanent || fault.Hint(err) == "" {
		t.Fatal(err)
	}
	for _, want := range []string{"3 of 5 sample events (in/seeds.yaml)", "1 of 2 examples of finished scenes (in/scenes.yaml)", "2 of 7 lines of prompts (in/agent.md)", "1 of its 2, 1 to the letter"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}
	if out, err := New(benchmark(search), Similarity).Guard(Fail, in); err != nil || !reflect.DeepEqual(out, in) {
		t.Errorf("where nothing is alike: %v", err)
	}
}
