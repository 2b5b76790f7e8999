package trace

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/gymline/gymline/internal/fault"
)

// ReadScenes reads a YAML list of finished scenes:
//
//   - environment: {theme, description, entities: […], agent_ops: […], events_example: […]}
//     user: {description, goal}
//     domain: optional
//
// An operation is a signature, "file.open(path)", or a mapping of its action,
// parameters and description, which becomes one. The domain of a scene that does
// not name it is guessed; see guessDomain. The scenes have no ID.
// name stands for the file in errors, each of which is permanent and says
// file:line:column. All that is wrong is told at once.
func ReadScenes(name string, data []byte) ([]Scene, error) {
	scenes, _, err := LocateScenes(name, data)
	return scenes, err
}

// LocateScenes is ReadScenes with the line that each scene begins on.
func LocateScenes(name string, data []byte) (out []Scene, at []int, err error) {
	var file []sceneEntry
	if err := readYAML(name, data, &file); err != nil {
		return nil, nil, err
	}
	var wrong problems
	lines := map[string]int{}
	for _, e := range file {
		before := wrong.count()
		s := e.scene(name, &wrong)
		if wrong.count() > before {
			continue
		}
		content, err := json.Marshal(s)
		if err != nil {
			return nil, nil, err
		}
		if first, twice := lines[string(content)]; twice {
			wrong.add(complain(name, e.pos, fmt.Sprintf("the scene of line %d stands here a second time", first)))
			continue
		}
		lines[string(content)] = e.pos.Line
		out, at = append(out, s), append(at, e.pos.Line)
	}
	if err := wrong.err(); err != nil {
		return nil, nil, err
	}
	if len(out) == 0 {
		return nil, nil, complain(name, nil, "it holds no scene")
	}
	return out, at, nil
}

// FirstScenes are the first of a file's scenes, or all of them where limit is 0. A limit
// above what it has is refused.
func FirstScenes(name string, scenes []Scene, limit int) ([]Scene, error) {
	if limit > len(scenes) {
		return nil, fault.New(fault.Permanent, fmt.Errorf("%d scenes are wanted, and %s has only %d", limit, name, len(scenes)),
			"lower the count of scenes from the file, or leave it out to take all")
	}
	if limit > 0 {
		return scenes[:limit], nil
	}
	return scenes, nil
}

// WriteScenes is a file that ReadScenes reads, without their IDs. JSON is YAML.
func WriteScenes(scenes []Scene) ([]byte, error) {
	type environment struct {
		Theme       string   `json:"theme"`
		Description string   `json:"description"`
		Entities    []string `json:"entities"`
		Operations  []string `json:"agent_ops"`
		Examples    []string `json:"events_example"`
	}
	type entry struct {
		Domain      string      `json:"domain"`
		Environment environment `json:"environment"`
		User        User        `json:"user"`
	}
	var list []entry
	for _, s := range scenes {
		list = append(list, entry{s.Domain, environment(s.Environment), s.User})
	}
	return json.Marshal(list)
}

// A sceneEntry is a scene as files have it.
type sceneEntry struct {
	pos   *token.Position
	err   error // of the YAML package; the rest may be missing
	value struct {
		Domain      text `yaml:"domain"`
		Environment struct {
			Theme       text        `yaml:"theme"`
			Description text        `yaml:"description"`
			Entities    []text      `yaml:"entities"`
			Operations  []operation `yaml:"agent_ops"`
			Examples    []text      `yaml:"events_example"`
		} `yaml:"environment"`
		User struct {
			Description text `yaml:"description"`
			Goal        text `yaml:"goal"`
		} `yaml:"user"`
	}
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (e *sceneEntry) UnmarshalYAML(node ast.Node) error {
	e.pos = node.GetToken().Position
	e.err = known(yaml.NodeToValue(node, &e.value, yaml.Strict()), sceneForm)
	return nil
}

// sceneForm is what a scene may hold.
const sceneForm = "{domain, environment: {theme, description, entities, agent_ops, events_example}, user: {description, goal}}"

// scene is the entry's, and adds what is wrong with it.
func (e *sceneEntry) scene(file string, wrong *problems) Scene {
	if e.err != nil {
		wrong.add(located(file, e.err))
		return Scene{}
	}
	env, user := e.value.Environment, e.value.User
	var ops []text
	for _, op := range env.Operations {
		ops = append(ops, text(op))
	}
	before := wrong.count()
	noneBlank(file, wrong, env.Entities, ops, env.Examples)
	s := Scene{
		Domain: domainName(e.value.Domain.Text),
		User:   User{Description: OneLine(user.Description.Text), Goal: OneLine(user.Goal.Text)},
		Environment: Environment{
			Theme: OneLine(env.Theme.Text), Description: OneLine(env.Description.Text),
			Entities: texts(env.Entities), Operations: texts(ops), Examples: texts(env.Examples),
		},
	}
	if s.Domain == "" {
		s.Domain = guessDomain(s.User.Goal, s.Environment.Theme)
	}
	if err := s.Check(); err != nil && wrong.count() == before {
		wrong.add(complain(file, e.pos, err.Error()))
	}
	return s
}

// Check says what a scene lacks for a session to be run in it.
func (s *Scene) Check() error {
	switch {
	case s.User.Goal == "":
		return fmt.Errorf("the user has no goal")
	case s.User.Description == "":
		return fmt.Errorf("the user has no description")
	case s.Environment.Description == "":
		return fmt.Errorf("the environment has no description")
	case len(s.Environment.Entities) == 0:
		return fmt.Errorf("the environment has no entities")
	case len(s.Environment.Operations) == 0:
		return fmt.Errorf("the environment has no operations for the agent")
	}
	for _, op := range s.Environment.Operations {
		if OperationName(op) == "" {
			return fmt.Errorf("the operation %q is not a call, such as file.open(path)", op)
		}
	}
	return nil
}

// OperationName returns what stands before the parenthesis in an operation or a
// call of one, such as "file.open"; "" when that is no name.
func OperationName(call string) string {
	name, _, ok := strings.Cut(call, "(")
	name = strings.TrimSpace(name)
	if !ok || !operationName.MatchString(name) {
		return ""
	}
	return name
}

var operationName = regexp.MustCompile(`^[\pL_][\pL\pN_.\-]*$`)

// An operation is a signature, or a mapping that is turned into one.
type operation text

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (o *operation) UnmarshalYAML(node ast.Node) error {
	o.pos = node.GetToken().Position
	if _, ok := node.(ast.MapNode); !ok {
		return (*text)(o).UnmarshalYAML(node)
	}
	var m struct {
		Action      text       `yaml:"action"`
		Description text       `yaml:"description"`
		Parameters  parameters `yaml:"parameters"`
	}
	if err := yaml.NodeToValue(node, &m); err != nil {
		return err
	}
	o.Text = fmt.Sprintf("%s(%s)", m.Action.Text, strings.Join(m.Parameters, ", "))
	if m.Description.Text != "" {
		o.Text += ": " + m.Description.Text
	}
	return nil
}

// guessDomain guesses the domain of a scene that does not name it, among
// ProactiveBench's three: "coding" when its goal or theme speaks of programming
// or of designing a website, "writing" when its goal is to research or write something,
// else "daily". It goes by words, so it is a label for tables and nothing more.
func guessDomain(goal, theme string) string {
	switch {
	case strings.HasSuffix(theme, "assistant"):
		return domainName(theme)
	case codingWords.MatchString(goal), codingWords.MatchString(theme):
		return "coding"
	case writingWords.MatchString(goal):
		return "writing"
	}
	return "daily"
}

var (
	codingWords  = regexp.MustCompile(`(?i)\b(cod(e|ing)|script|algorithm|python|javascript|java|ruby|(?-i:in Go)|sql|html|css|react|vue(\.js)?|swiftui|flask|api|multi-thread(ed|ing)|(re)?design .*website|(software|web|backend) development)\b`)
	writingWords = regexp.MustCompile(`(?i)\b(writ(e|ing)|draft|report|article|essay|blog|literature|content|proposal|research|compar(e|ing|ison)|analy[sz]e|analysis|investigate)\b`)
)
