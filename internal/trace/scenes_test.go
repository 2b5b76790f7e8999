package trace

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gymline/gymline/internal/fault"
)

// gymData reads one of ProactiveBench's files, or skips.
func gymData(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("GYMLINE_PROACTIVEBENCH")
	if dir == "" {
		dir = "../../../shared/data/proactivebench"
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Skip("no ProactiveBench data: ", err)
	}
	return data
}

const oneScene = `- environment:
    agent_ops:
    - drawer.open(name)
    - action: lamp.dim
      description: Dims the lamp.
      parameters: {level: integer, smooth: boolean}
      return_values: {ok: boolean}
    - action: lamp.off
      parameters: [delay]
    - lamp.buy(what) -> str
    description: |
      A bench
      by the window.
    entities: [Lamp, Top drawer]
    events_example: [The user turns the lamp over.]
    theme: Lamp workshop
  user: {description: Ada repairs lamps., goal: "Mend 30 lamps"}
`

func TestReadScenes(t *testing.T) {
	got, err := ReadScenes("s.yaml", []byte(oneScene))
	if err != nil {
		t.Fatal(err)
	}
	want := []Scene{{
		Domain: "daily",
		User:   User{Description: "Ada repairs lamps.", Goal: "Mend 30 lamps"},
		Environment: Environment{
			Theme: "Lamp workshop", Description: "A bench by the window.", Entities: []string{"Lamp", "Top drawer"},
			Operations: []string{"drawer.open(name)", "lamp.dim(level, smooth): Dims the lamp.", "lamp.off(delay)", "lamp.buy(what) -> str"},
			Examples:   []string{"The user turns the lamp over."},
		},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestGuessDomain(t *testing.T) {
	for _, tt := range []struct{ goal, theme, want string }{
		{"Write a Ruby script for labels", "", "coding"},
		{"Fix the login page", "Backend Development", "coding"},
		{"Write a report on bicycle lanes", "Research office", "writing"},
		{"Book a haircut", "Research office", "daily"},
		{"Greet a friend", "dailyassistant", "daily"},
		{"Redesign the tea room's website for phones", "Small business", "coding"},
		{"Compare five websites for tea", "Small business", "writing"},
		{"Write a parser in Go", "", "coding"},
		{"Go shopping with a friend", "In go mood", "daily"},
	} {
		if got := guessDomain(tt.goal, tt.theme); got != tt.want {
			t.Errorf("%q in %q is %q, want %q", tt.goal, tt.theme, got, tt.want)
		}
	}
	named := strings.Replace(oneScene, "- environment:", "- domain: craft\n  environment:", 1)
	if s, err := ReadScenes("s.yaml", []byte(named)); err != nil || s[0].Domain != "craft" {
		t.Errorf("a named domain gives %v, %v", s, err)
	}
}

func TestBadScenesSayWhere(t *testing.T) {
	second := oneScene + oneScene
	for _, tt := range []struct{ name, data, want string }{
		{"empty", "", "s.yaml:1:1: the file is empty"},
		{"empty list", "[]", "s.yaml:1:1: it holds no scene"},
		{"cut in half", oneScene[:60] + `"`, "s.yaml:4:"},
		{"two documents", oneScene + "---\n" + oneScene, "s.yaml:18:1: the file holds a second document"},
		{"not a list", "environment: {}\n", "s.yaml:1:"},
		{"unknown key", strings.Replace(oneScene, "theme:", "thema:", 1), "s.yaml:16:5: "},
		{"wrong type", strings.Replace(oneScene, "[Lamp, Top drawer]", "{a: b}", 1), "s.yaml:14:"},
		{"duplicate key", strings.Replace(oneScene, "    theme: Lamp workshop", "    theme: a\n    theme: b", 1), "s.yaml:17:"},
		{"empty entity", strings.Replace(oneScene, "Top drawer", `""`, 1), "s.yaml:14:22: this text is empty"},
		{"empty operation", strings.Replace(oneScene, "- drawer.open(name)", `- " "`, 1), "s.yaml:3:7: this text is empty"},
		{"second scene has no goal", oneScene + strings.Replace(oneScene, `goal: "Mend 30 lamps"`, `goal: ""`, 1), "s.yaml:18:14: the user has no goal"},
		{"no operations", second[:len(oneScene)] + "- user: {description: d, goal: g}\n  environment: {description: d, entities: [e]}\n", "s.yaml:18:7: the environment has no operations"},
		{"operation is no call", strings.Replace(oneScene, "drawer.open(name)", "open the drawer", 1), `s.yaml:1:14: the operation "open the drawer" is not a call`},
		{"action without name", strings.Replace(oneScene, "action: lamp.off", `action: ""`, 1), `the operation "(delay)" is not a call`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadScenes("s.yaml", []byte(tt.data))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if fault.Code(err) != fault.Permanent || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q has code %d", err, fault.Code(err))
			}
		})
	}
}

func TestOperationName(t *testing.T) {
	for in, want := range map[string]string{
		"file.open(path: str) -> str": "file.open", "terminal_run('ls (all)')": "terminal_run", " 搜索(词)": "搜索",
		"open": "", "open the door(now)": "", "(x)": "", "": "",
	} {
		if got := OperationName(in); got != want {
			t.Errorf("%q is called %q, want %q", in, got, want)
		}
	}
}

func TestRealScenesAndSeeds(t *testing.T) {
	scenes, err := ReadScenes("scenes.yaml", gymData(t, "scenes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	domains, operations := map[string]int{}, 0
	for _, s := range scenes {
		domains[s.Domain]++
		operations += len(s.Environment.Operations)
	}
	if len(scenes) != 68 || operations != 794 || domains["coding"] < 15 || domains["writing"] < 15 || domains["daily"] < 15 || len(domains) != 3 {
		t.Errorf("%d scenes, %d operations, domains %v", len(scenes), operations, domains)
	}
	seeds, err := ReadSeeds("seedtask.yaml", gymData(t, "seedtask.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, d := range seeds {
		sizes = append(sizes, len(d.Tasks), len(d.Events))
	}
	if !reflect.DeepEqual(sizes, []int{23, 65, 22, 78, 23, 25}) || seeds[0].Domain != "coding" || seeds[2].Domain != "daily" {
		t.Errorf("tasks and events %v of %+v", sizes, seeds)
	}
}

func FuzzReadScenes(f *testing.F) {
	f.Add([]byte(oneScene))
	f.Add([]byte("- &a {user: *a}"))
	f.Add([]byte("- environment: {agent_ops: [{action: x, parameters: 3}]}"))
	f.Add([]byte("!000 000000000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		scenes, err := ReadScenes("s.yaml", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "s.yaml:") {
				t.Errorf("error %q does not say where", err)
			}
			return
		}
		for _, s := range scenes {
			if err := s.Check(); err != nil || s.Domain == "" {
				t.Errorf("read %+v: %v", s, err)
			}
		}
	})
}
