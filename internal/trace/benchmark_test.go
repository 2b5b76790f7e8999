package trace

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func entry(time, text, rest string) string {
	return fmt.Sprintf(`{"observation":{"time":%q,"event":%q}%s}`, time, text, rest)
}

func TestReadBenchmark(t *testing.T) {
	files := fakeFiles{
		"b/code_1.json":    "[" + entry("100.5", "Opens a file.", `,"agent_response":{"candidate_task":["ignored"]},"task_status":true`) + "," + entry("90", "Earlier.", "") + "]",
		"b/writing_2.json": "[" + entry("Day 1, 10:00 AM", "写作。", "") + "]",
		"b/plain.json":     "[" + entry("1", "Moves.", "") + "]",
		"b/splits.json":    `{"all":{}}`,
		"b/README.md":      "not a trace",
		"b/more/c.json":    "not right in the folder",
		"a.json":           "not in it",
	}
	got, err := ReadBenchmark(context.Background(), files, "b/")
	if err != nil {
		t.Fatal(err)
	}
	want := []Trace{
		{ID: "code_1", Domain: "coding", Turns: []Turn{
			{Event: Event{"100.5", "Opens a file."}, Proposals: []string{}}, {Event: Event{"90", "Earlier."}, Proposals: []string{}}}},
		{ID: "plain", Turns: []Turn{{Event: Event{"1", "Moves."}, Proposals: []string{}}}},
		{ID: "writing_2", Domain: "writing", Turns: []Turn{{Event: Event{"Day 1, 10:00 AM", "写作。"}, Proposals: []string{}}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReadBenchmarkErrors(t *testing.T) {
	good := "[" + entry("1", "Moves.", "") + "]"
	for _, c := range []struct {
		name  string
		files fakeFiles
		want  string
	}{
		{"no trace", fakeFiles{"splits.json": "{}"}, "holds no trace"},
		{"a file cut in half", fakeFiles{"a.json": "[\n" + entry("1", "Moves.", "") + ",\n{\"obser"}, "a.json:3: unexpected end of JSON input"},
		{"not a list", fakeFiles{"a.json": "\n{}"}, `a.json:2: want a JSON list of {"observation": {"time", "event"}}, found an object`},
		{"a wrong type", fakeFiles{"a.json": "[\n{\"observation\":\n{\"time\":true,\"event\":\"Moves.\"}}]"}, "a.json:2: entry 0: observation.time: found true; want unix seconds"},
		{"a text for an object", fakeFiles{"a.json": `[{"observation":"Moves."}]`}, "a.json:1: entry 0: observation: want {time, event}, found a text"},
		{"a number for an entry", fakeFiles{"a.json": "[\n\n7]"}, "a.json:3: entry 0: want {observation}, found a number"},
		{"a text that is a list", fakeFiles{"a.json": `[{"observation":{"time":"1","event":[]}}]`}, "observation.event: want a text, found a list"},
		{"text after the list", fakeFiles{"a.json": good + "\n\nx"}, "a.json:3: invalid character 'x' after top-level value"},
		{"no events", fakeFiles{"a.json": "[]"}, "a.json: no events"},
		{"no observation", fakeFiles{"a.json": `[{"event":"x"}]`}, "a.json:1: entry 0: observation: missing"},
		{"no text", fakeFiles{"a.json": "[" + entry("1", "Moves.", "") + "," + entry("2", " ", "") + "]"}, "entry 1: observation.event: missing"},
		{"no time", fakeFiles{"a.json": "[" + entry("noon", "Moves.", "") + "]"}, `entry 0: observation.time: "noon" is no time: want unix seconds`},
		{"nothing", fakeFiles{}, "holds no trace"},
	} {
		_, err := ReadBenchmark(context.Background(), c.files, ".")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

var oneTrace = []Trace{{ID: "t", Turns: []Turn{
	{Event: Event{"1", "Opens a file."}}, {Event: Event{"2", "Searches."}}, {Event: Event{"2", "Clicks."}}, {Event: Event{"1", "Closes it."}},
}}}

func readOne(recorded string) ([]Answer, error) {
	a, err := ReadRecorded(context.Background(), fakeFiles{"m/t.json": recorded}, "m", oneTrace)
	if err != nil {
		return nil, err
	}
	return a[0], nil
}

func TestReadRecordedResponses(t *testing.T) {
	yes, no := Verdict{Accepted: true}, Verdict{}
	for _, c := range []struct {
		fields string
		want   Answer
	}{
		{``, Answer{}},
		{`,"judgement":[true]`, Answer{}},
		{`,"agent_response":null`, Answer{Answered: true}},
		{`,"agent_response":[]`, Answer{Answered: true}},
		{`,"agent_response":[null]`, Answer{Answered: true}},
		{`,"agent_response":["null"]`, Answer{Answered: true}},
		{`,"agent_response":["None"]`, Answer{Answered: true}},
		{`,"agent_response":[" NULL "]`, Answer{Answered: true}},
		{`,"agent_response":[""]`, Answer{Answered: true}},
		{`,"agent_response":["Look up none."]`, Answer{Answered: true, Tasks: []string{"Look up none."}}},
		{`,"agent_response":["A","null","B"]`, Answer{Answered: true, Tasks: []string{"A", "B"}}},
		{`,"agent_response":["A"],"judgement":null`, Answer{Answered: true, Tasks: []string{"A"}}},
		{`,"agent_response":["A"],"judgement":[]`, Answer{Answered: true, Tasks: []string{"A"}}},
		{`,"agent_response":["A"],"judgement":[true]`, Answer{true, []string{"A"}, []Verdict{yes}, nil}},
		{`,"agent_response":["A",null,"B"],"judgement":[false,false,true]`, Answer{true, []string{"A", "B"}, []Verdict{no, yes}, nil}},
		{`,"agent_response":["A"],"judgement":[{"accepted":false,"reason":"too early"}]`, Answer{true, []string{"A"}, []Verdict{{false, "too early"}}, nil}},
		{`,"agent_response":[],"judgement":[true]`, Answer{true, nil, []Verdict{yes}, nil}},
		{`,"agent_response":null,"judgement":[false]`, Answer{true, nil, []Verdict{no}, nil}},
		{`,"agent_response":["null"],"judgement":[true]`, Answer{true, nil, []Verdict{yes}, nil}},
	} {
		got, err := readOne("[" + entry("1", "Opens a file.", c.fields) + "]")
		if err != nil || !reflect.DeepEqual(got[0], c.want) {
			t.Errorf("%s: %+v, %v, want %+v", c.fields, got, err, c.want)
		}
	}
}

func TestReadRecordedAligns(t *testing.T) {
	task := func(name string) string { return fmt.Sprintf(`,"agent_response":[%q]`, name) }
	for _, c := range []struct {
		name    string
		entries []string
		want    string // tasks by turn, "-" where unanswered
	}{
		{"all events", []string{entry("1", "Opens a file.", task("a")), entry("2", "Searches.", task("b")), entry("2", "Clicks.", task("c")), entry("1", "Closes it.", task("d"))}, "a b c d"},
		{"other wording goes by time, in order", []string{entry("1", "开", task("a")), entry("2", "搜", task("b")), entry("2", "点", task("c")), entry("1", "关", task("d"))}, "a b c d"},
		{"a missing event leaves a gap", []string{entry("2", "Searches.", task("b")), entry("2", "Clicks.", task("c")), entry("1", "Opens a file.", task("a"))}, "a b c -"},
		{"text tells which of one time is missing", []string{entry("1", "Opens a file.", task("a")), entry("2", "Clicks.", task("c")), entry("1", "Closes it.", task("d"))}, "a - c d"},
		{"a reworded one takes what equal texts leave", []string{entry("2", "搜", task("b")), entry("2", "Searches.", task("s"))}, "- s b -"},
		{"nothing", nil, "- - - -"},
	} {
		got, err := readOne("[" + strings.Join(c.entries, ",") + "]")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var names []string
		for _, a := range got {
			if !a.Answered {
				names = append(names, "-")
			} else {
				names = append(names, strings.Join(a.Tasks, "+"))
			}
		}
		if strings.Join(names, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, names, c.want)
		}
	}
}

func TestReadRecordedErrors(t *testing.T) {
	for _, c := range []struct{ name, recorded, want string }{
		{"an event of another trace", "[" + entry("1", "Opens a file.", "") + "," + entry("77", "Elsewhere.", "") + "]", `m/t.json:1: entry 1: the benchmark trace has no event at 77 left for it ("Elsewhere.")`},
		{"an event too often", "[" + entry("2", "a", "") + "," + entry("2", "b", "") + "," + entry("2", "c", "") + "]", "m/t.json:1: entry 2: "},
		{"no observation", "[" + entry("1", "Opens a file.", "") + ",{}]", "m/t.json:1: entry 1: observation: missing"},
		{"cut in half", "[\n" + entry("1", "Opens a file.", "") + ",\n\n{", "m/t.json:4: unexpected end of JSON input"},
		{"a task that is a number", "[" + entry("1", "Opens a file.", `,"agent_response":[1]`) + "]", "m/t.json:1: entry 0: agent_response: want a list of tasks, or null, found a number as element 0"},
		{"a response that is an object", "[" + entry("1", "Opens a file.", `,"agent_response":{"candidate_task":[]}`) + "]", "entry 0: agent_response: want a list"},
		{"too few verdicts", "[" + entry("1", "Opens a file.", `,"agent_response":["A","B"],"judgement":[true]`) + "]", "entry 0: judgement: the number of verdicts is 1, want 2"},
		{"too many for silence", "[" + entry("1", "Opens a file.", `,"agent_response":[],"judgement":[true,true]`) + "]", "entry 0: judgement: the number of verdicts is 2, want 1"},
		{"a verdict that is a word", "[" + entry("1", "Opens a file.", `,"agent_response":["A"],"judgement":["accepted"]`) + "]", "entry 0: judgement[0]: want true, false"},
		{"a verdict that is null", "[" + entry("1", "Opens a file.", `,"agent_response":["A"],"judgement":[null]`) + "]", "entry 0: judgement[0]: want true, false"},
		{"a verdict without accepted", "[" + entry("1", "Opens a file.", `,"agent_response":["A"],"judgement":[{"reason":"x"}]`) + "]", "entry 0: judgement[0]: want true, false"},
		{"verdicts that are no list", "[" + entry("1", "Opens a file.", `,"agent_response":["A"],"judgement":true`) + "]", "entry 0: judgement: want a list"},
	} {
		if _, err := readOne(c.recorded); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	_, err := ReadRecorded(context.Background(), fakeFiles{"m/other.json": "[]"}, "m", oneTrace)
	if err == nil || !strings.Contains(err.Error(), `no file m/t.json for the trace "t"`) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestOddEntriesCostTheirRows: an entry of an unexpected shape is lost alone, and says why.
func TestOddEntriesCostTheirRows(t *testing.T) {
	got, err := readOne("[" + entry("1", "Opens a file.", `,"agent_response":["A"]`) + ",\n" + entry("2", "Searches.", `,"agent_response":[{"candidate_task":["B"]}]`) + ",\n" + entry("2", "Clicks.", `,"agent_response":["C"],"judgement":[1]`) + "]")
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Unusable != nil || len(got[0].Tasks) != 1 {
		t.Errorf("the entry that is right: %+v", got[0])
	}
	for i, want := range map[int]string{1: "m/t.json:2: entry 1: agent_response: want a list of tasks, or null, found an object as element 0", 2: "m/t.json:3: entry 2: judgement[0]: want true, false"} {
		if a := got[i]; !a.Answered || len(a.Tasks) != 0 || a.Verdicts != nil || a.Unusable == nil || !strings.HasPrefix(a.Unusable.Error(), want) {
			t.Errorf("entry %d: %+v, want %q", i, a, want)
		}
	}
	if got[3].Answered {
		t.Errorf("no entry: %+v", got[3])
	}
}

func FuzzReadRecorded(f *testing.F) {
	f.Add("[" + entry("1", "Opens a file.", `,"agent_response":["A","null"],"judgement":[true,{"accepted":false,"reason":"x"}]`) + "]")
	f.Add("[" + entry("2", "Clicks.", `,"agent_response":null,"judgement":[false]`) + "," + entry("2", "?", "") + "]")
	f.Add("[\n{\"observation\":null}]")
	f.Add(`{"observation":{}}`)
	f.Fuzz(func(t *testing.T, recorded string) {
		answers, err := readOne(recorded)
		if err != nil {
			if !strings.Contains(err.Error(), "m/t.json") {
				t.Fatalf("an error that does not name the file: %v", err)
			}
			return
		}
		var entries []json.RawMessage
		if err := json.Unmarshal([]byte(recorded), &entries); err != nil {
			t.Fatalf("read what is not a JSON list: %v", err)
		}
		answered := 0
		for _, a := range answers {
			if a.Answered {
				answered++
			} else if a.Tasks != nil || a.Verdicts != nil {
				t.Fatalf("unanswered, yet %+v", a)
			}
			if a.Verdicts != nil && len(a.Verdicts) != max(1, len(a.Tasks)) {
				t.Fatalf("verdicts do not match tasks: %+v", a)
			}
			for _, task := range a.Tasks {
				if Silence(task) {
					t.Fatalf("silence kept as the task %q", task)
				}
			}
		}
		if len(answers) != len(oneTrace[0].Turns) || answered > len(entries) {
			t.Fatalf("%d answers, %d of them from %d entries", len(answers), answered, len(entries))
		}
	})
}

// FuzzReadBenchmark: whatever a trace file holds, reading it gives events that
// prompts can show, or an error that names the file.
func FuzzReadBenchmark(f *testing.F) {
	f.Add("[" + entry("1", "Opens a file.", "") + "," + entry("Day 1, 9:00 AM", " two\nlines ", `,"more":[]`) + "]")
	f.Add("\ufeff[\n{\"observation\":{\"time\":\"1\",\"event\":\"\"}}]")
	f.Add(`[{"observation":{"time":"Day 9999999999999999999, 1:00 PM","event":"x"}}]`)
	f.Add(`[{}`)
	f.Fuzz(func(t *testing.T, text string) {
		traces, err := ReadBenchmark(context.Background(), fakeFiles{"b/code_1.json": text}, "b")
		if err != nil {
			if !strings.Contains(err.Error(), "b/code_1.json") {
				t.Fatalf("an error that does not name the file: %v", err)
			}
			return
		}
		if len(traces) != 1 || traces[0].ID != "code_1" || traces[0].Domain != "coding" || len(traces[0].Turns) == 0 {
			t.Fatalf("%q was read as %+v", text, traces)
		}
		for _, turn := range traces[0].Turns {
			if _, _, err := ParseTime(turn.Event.Time); err != nil || turn.Event.Text == "" || turn.Event.Text != OneLine(turn.Event.Text) || len(turn.Proposals) > 0 {
				t.Fatalf("%q was read as the event %+v, %v", text, turn.Event, err)
			}
		}
	})
}

// filesIn reads the JSON files right in folders of dir.
func filesIn(t *testing.T, dir string, folders ...string) fakeFiles {
	t.Helper()
	files := fakeFiles{}
	for _, folder := range folders {
		matches, err := filepath.Glob(filepath.Join(dir, folder, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range matches {
			data, err := os.ReadFile(m)
			if err != nil {
				t.Fatal(err)
			}
			files[folder+"/"+filepath.Base(m)] = string(data)
		}
	}
	return files
}

// proactiveBench returns the folder of the real data, or skips the test.
func proactiveBench(t *testing.T) string {
	dir := os.Getenv("GYMLINE_PROACTIVEBENCH")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data", "proactivebench")
	}
	if _, err := os.Stat(filepath.Join(dir, "test_data")); err != nil {
		t.Skip("the real data is not here: set GYMLINE_PROACTIVEBENCH")
	}
	return dir
}

func TestRealBenchmark(t *testing.T) {
	dir := proactiveBench(t)
	benchmark, err := ReadBenchmark(context.Background(), filesIn(t, dir, "test_data"), "test_data")
	if err != nil {
		t.Fatal(err)
	}
	events, domains := 0, map[string]int{}
	for _, b := range benchmark {
		events += len(b.Turns)
		domains[b.Domain]++
	}
	if len(benchmark) != 12 || events != 233 || domains["coding"] != 6 || domains["writing"] != 6 {
		t.Errorf("%d traces, %d events, domains %v", len(benchmark), events, domains)
	}
	silent := map[string]int{"gpt-4o": 11, "gpt-4o-mini": 3, "llama3.1-8b": 29, "qwen2-7b": 2}
	for model, want := range silent {
		answers, err := ReadRecorded(context.Background(), filesIn(t, dir, "traces/"+model), "traces/"+model, benchmark)
		if err != nil {
			t.Errorf("%s: %v", model, err)
			continue
		}
		answered, silence := 0, 0
		for _, trace := range answers {
			for _, a := range trace {
				if a.Answered {
					answered++
					if len(a.Tasks) == 0 {
						silence++
					}
				}
			}
		}
		if answered != 227 || silence != want {
			t.Errorf("%s: %d answered, %d of them silent; want 227 and %d", model, answered, silence, want)
		}
	}
}
