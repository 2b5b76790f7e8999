package trace

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
)

// importers read one outside file each, under the name that errors must bear.
var importers = map[string]struct {
	name, good string
	read       func(text string) error
}{
	"benchmark": {"b/t.json", "[\n" + entry("1", "Opens a café.", "") + "]", func(s string) error {
		_, err := ReadBenchmark(context.Background(), fakeFiles{"b/t.json": s}, "b")
		return err
	}},
	"recorded": {"m/t.json", "[\n" + entry("1", "Opens a café.", `,"agent_response":["é"]`) + "]", func(s string) error {
		_, err := readOne(s)
		return err
	}},
	"reward data": {"train_data.jsonl", "\n" + strings.ReplaceAll(goodRow, "notes", "né"), func(s string) error {
		return ReadRewardData(context.Background(), fakeFiles{"pb/reward_data/train_data.jsonl": s}, "pb", func(RewardRow) error { return nil })
	}},
	"seeds": {"s.yaml", "garden:\n  tasks: [Plant a café., x]\n  sample_events: [y]\n", func(s string) error {
		_, err := ReadSeeds("s.yaml", []byte(s))
		return err
	}},
	"scenes": {"s.yaml", strings.Replace(oneScene, "- ", "\n- ", 1) + "  domain: café\n", func(s string) error {
		_, err := ReadScenes("s.yaml", []byte(s))
		return err
	}},
}

func refused(t *testing.T, what string, err error, want ...string) {
	t.Helper()
	if err == nil || fault.Code(err) != fault.Permanent || fault.Hint(err) == "" {
		t.Errorf("%s: %v: want a permanent error that says what to do", what, err)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %v, want %q in it", what, err, w)
		}
	}
}

// TestOtherEncodingsAreRefused: no byte is replaced without a word.
func TestOtherEncodingsAreRefused(t *testing.T) {
	for what, c := range importers {
		if err := c.read(c.good); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		at := strings.Index(c.good, "é")
		line := 1 + strings.Count(c.good[:at], "\n")
		column := len([]rune(c.good[strings.LastIndex(c.good[:at], "\n")+1:at])) + 1
		for _, bad := range []string{"\xe9", "\xc3", "\xed\xa0\x80", "\xc0\xaf", "\xff"} {
			err := c.read(strings.Replace(c.good, "é", bad, 1))
			refused(t, what, err, fmt.Sprintf("%s:%d:%d: the byte 0x%02X is not UTF-8", c.name, line, column, bad[0]))
		}
		for start, is := range map[string]string{"\x1f\x8b\x08": "gzip", "\x28\xb5\x2f\xfd": "zstd", "PK\x03\x04": "zip", "\xff\xfe[\x00": "UTF-16", "\xfe\xff\x00[": "UTF-16", "[\x00\n\x00": "UTF-16"} {
			refused(t, what, c.read(start), c.name+":1:1: ", is)
		}
	}
}

func TestHalfCharactersAreRefused(t *testing.T) {
	for what, c := range importers {
		for _, half := range []string{`\ud83d`, `\ude00`, `\uDE00\uD83D`, `\ud83d\n`, `\ud83dx`} {
			text := strings.Replace(c.good, "é", half, 1)
			if c.name == "s.yaml" {
				text = strings.Replace(strings.Replace(text, "Plant a caf"+half+".", `"`+half+`"`, 1), "caf"+half, `"`+half+`"`, 1)
			}
			refused(t, what+" "+half, c.read(text), c.name)
		}
		for _, whole := range []string{`\ud83d\ude00`, `\u00e9`, `\\ud83d`} {
			if c.name == "s.yaml" {
				continue // a plain scalar has no escapes
			}
			if err := c.read(strings.Replace(c.good, "é", whole, 1)); err != nil {
				t.Errorf("%s %s: %v", what, whole, err)
			}
		}
	}
}

// TestKeysAreUnambiguous: what one reader takes, every reader takes.
func TestKeysAreUnambiguous(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`[{"observation":{"time":"1","event":"a","event":"b"}}]`, "b/t.json:1: entry 0: observation.event is given twice"},
		{"[" + entry("1", "a", "") + ",\n" + `{"observation":{"time":"1","event":"a"},"x":[{"y":1,"z":2,"y":1}]}]`, "b/t.json:2: entry 1: x[0].y is given twice"},
		{`[{"observation":{"time":"1","event":"a","\u0065vent":"b"}}]`, "observation.event is given twice"},
		{`[{"observation":{"time":"1","event":"a"},"observation":null}]`, "entry 0: observation is given twice"},
		{`[{"observation":{"time":"1","Event":"a"}}]`, `observation: "Event": write the key as "event"`},
		{`[{"OBSERVATION":{"time":"1","event":"a"}}]`, `entry 0: "OBSERVATION": write the key as "observation"`},
	} {
		_, err := ReadBenchmark(context.Background(), fakeFiles{"b/t.json": c.text}, "b")
		refused(t, c.text, err, c.want)
	}
	_, err := readOne("[" + entry("1", "Opens a file.", `,"Agent_Response":["A"]`) + "]")
	refused(t, "recorded", err, `entry 0: "Agent_Response": write the key as "agent_response"`)
	_, err = readOne("[" + entry("1", "Opens a file.", `,"agent_response":["A"],"judgement":[{"Accepted":true}]`) + "]")
	refused(t, "recorded", err, "judgement[0]: ")
	got, err := ReadBenchmark(context.Background(), fakeFiles{"b/t.json": `[{"observation":{"time":"1","event":"a","Event":"b"},"k":1,"K":2}]`}, "b")
	if err != nil || got[0].Turns[0].Event.Text != "a" {
		t.Errorf("beside the exact key: %+v, %v", got, err)
	}
	for _, text := range []string{"a: {tasks: [x], sample_events: [y]}\na: {tasks: [x], sample_events: [y]}\n", "a: {tasks: [x], 'tasks': [z], sample_events: [y]}\n"} {
		_, err := ReadSeeds("s.yaml", []byte(text))
		refused(t, text, err, "s.yaml:", "already defined")
	}
}

// TestTextsKeepTheirSpelling: what looks like a number is a text where one is wanted.
func TestTextsKeepTheirSpelling(t *testing.T) {
	spelled := []string{"3.10", "007", "1_000", "0x1F", "0o17", "0b11", ".inf", ".NaN", "1e3", "1.50", "True", "yes", "-0", "+5", "2020-01-01", "12345678901234567890123"}
	list := strings.Join(spelled, ", ")
	scenes, err := ReadScenes("s.yaml", []byte("- environment:\n    description: 0123\n    theme: 1.0\n    entities: ["+list+"]\n    agent_ops: [f(), {action: g, parameters: ["+list+"]}, {action: h, parameters: {007: x}, description: 1.10}]\n"+
		"    events_example: ["+list+"]\n  user: {description: 0x10, goal: 1.20}\n  domain: 010\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Scene{Domain: "010", User: User{"0x10", "1.20"}, Environment: Environment{"1.0", "0123", spelled, []string{"f()", "g(" + list + ")", "h(007): 1.10"}, spelled}}
	if !reflect.DeepEqual(scenes[0], want) {
		t.Errorf("got  %+v\nwant %+v", scenes[0], want)
	}
	if seeds, err := ReadSeeds("s.yaml", []byte("a:\n  tasks:\n  - 1:30\n  - ~\n  sample_events: [x]\n")); err == nil {
		t.Errorf("nothing is no text: %+v", seeds)
	}
	seeds, err := ReadSeeds("s.yaml", []byte("0777:\n  tasks: ["+list+"]\n  sample_events: ["+list+"]\n"))
	if err != nil || len(seeds) != 1 || seeds[0].Domain != "0777" || !slices.Equal(seeds[0].Tasks, spelled) || !slices.Equal(seeds[0].Events, spelled) {
		t.Errorf("%+v, %v", seeds, err)
	}
}

// TestDeepNestingEnds: the work on a hostile file grows with its size alone.
func TestDeepNestingEnds(t *testing.T) {
	const n = 100_000
	indented := ""
	for i := range 40 {
		indented += strings.Repeat(" ", i) + "a:\n"
	}
	for what, c := range importers {
		for _, unit := range []string{"[", "{", `{"a":`, `[{"a":`, "- ", "? ", "{a: ", "[a,"} {
			text := strings.Repeat(unit, n/len(unit))
			refused(t, what+" "+unit, c.read(text), c.name+":")
		}
		if c.name == "s.yaml" {
			refused(t, what, c.read(indented), "nested too deep")
			refused(t, what, c.read("# "+strings.Repeat("x", 10_000)+"\n"+strings.Repeat("[", 10*n)), c.name+":2:33: it is nested too deep")
			refused(t, what, c.read("a: "+strings.Repeat("[", 33)+strings.Repeat("]", 33)), "nested too deep")
		}
	}
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	if err := importers["benchmark"].read("[" + entry("1", "a", `,"x":`+deep) + "]"); err != nil {
		t.Errorf("what is ignored may be deep: %v", err)
	}
}

// TestCopiesAreNamed: what is there twice would count twice.
func TestCopiesAreNamed(t *testing.T) {
	ctx := context.Background()
	one, two := entry("1", "Opens a file.", ""), entry("2", "Closes it.", "")
	for _, c := range []struct {
		files fakeFiles
		want  []string
	}{
		{fakeFiles{"b/t.json": "[" + one + "]", "b/t (1).json": "[" + one + "]"}, []string{"b/t (1).json", "b/t.json", "copy"}},
		{fakeFiles{"b/t.json": "[" + one + "," + two + "]", "b/u.JSON": "[\n" + one + ",\n" + strings.Replace(two, "}}", `},"more":1}`, 1) + "]"}, []string{"b/u.JSON is a copy of b/t.json"}},
		{fakeFiles{"b/t.json": "[" + one + "]", "b/t.JSON": "[" + two + "]"}, []string{"b/t.JSON and b/t.json", `"t"`}},
		{fakeFiles{"b/t.json": "[" + one + ",\n" + two + ",\n" + one + "," + two + "]"}, []string{"b/t.json:3: from entry 2 on", "second time", "first from entry 0"}},
		{fakeFiles{"b/t.json": "[" + two + "," + one + "," + two + "," + entry("3", "x", "") + "," + one + "," + two + "]"}, []string{"from entry 4 on", "first from entry 1"}},
	} {
		_, err := ReadBenchmark(ctx, c.files, "b")
		refused(t, fmt.Sprint(c.files), err, c.want...)
	}
	for _, often := range []string{one + "," + one + "," + two + "," + one, one + "," + one + "," + one + "," + one, strings.Repeat(entry("Day 1, 1:00 PM", "Scrolls.", "")+","+entry("Day 1, 1:00 PM", "Clicks.", "")+",", 2) + entry("Day 1, 1:01 PM", "x", "")} {
		if _, err := ReadBenchmark(ctx, fakeFiles{"b/t.json": "[" + often + "]"}, "b"); err != nil {
			t.Errorf("what may have happened twice: %v", err)
		}
	}
	scene := strings.TrimSpace(oneScene) + "\n"
	_, err := ReadScenes("s.yaml", []byte(scene+scene))
	refused(t, "a scene", err, "s.yaml:", "the scene of line 1 stands here a second time")
}

// TestFilesOfOtherForms: data is read or refused, and never passed over.
func TestFilesOfOtherForms(t *testing.T) {
	ctx, good := context.Background(), "["+entry("1", "Opens a file.", "")+"]"
	got, err := ReadBenchmark(ctx, fakeFiles{"b/code_1.JSON": good, "b/Splits.JSON": "{}", "b/notes.txt": "x"}, "b")
	if err != nil || len(got) != 1 || got[0].ID != "code_1" {
		t.Errorf("an ending in capitals: %+v, %v", got, err)
	}
	if answers, err := ReadRecorded(ctx, fakeFiles{"m/t.Json": "[" + entry("1", "Opens a file.", `,"agent_response":[]`) + "]"}, "m", oneTrace); err != nil || !answers[0][0].Answered {
		t.Errorf("recorded: %+v, %v", answers, err)
	}
	for _, name := range []string{"u.json.gz", "u.JSON.GZ", "u.json.zst", "u.jsonl", "u.ndjson", "u.jsonl.xz", "u.json.bz2", "u.json.zip", "u.json.gz.lz4"} {
		_, err := ReadBenchmark(ctx, fakeFiles{"b/t.json": good, "b/" + name: ""}, "b")
		refused(t, name, err, "b/"+name)
		_, err = ReadRecorded(ctx, fakeFiles{"m/t.json": "[]", "m/" + name: ""}, "m", oneTrace)
		refused(t, name, err, "m/"+name)
	}
}
