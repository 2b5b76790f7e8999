// Package notify tells webhooks of runs that need somebody. docs/notify.md is what it
// promises. Addresses and secrets come from the environment, and are in no message,
// error or record.
package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/store"
)

// What webhooks can be told.
const (
	Failed  = "failed"  // the run failed, or could not be opened
	Gate    = "gate"    // it broke its gate
	Budget  = "budget"  // its budget is used up
	Waiting = "waiting" // it waits for a checkpoint
)

// The formats of a message.
const (
	Slack       = "slack"
	CloudEvents = "cloudevents"
)

// A Webhook is whom to tell, and of what. It names environment variables and holds no
// secret itself.
type Webhook struct {
	Format    string   `json:"format"`
	URLEnv    string   `json:"urlEnv"`
	SecretEnv string   `json:"secretEnv,omitempty"`
	On        []string `json:"on"`
}

// Variables are the environment variables that webhooks name.
func Variables(hooks []Webhook) (names []string) {
	for _, h := range hooks {
		for _, name := range []string{h.URLEnv, h.SecretEnv} {
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// A Notice is what is told of a run.
type Notice struct {
	Kind       string           `json:"kind"`
	Run        string           `json:"run,omitempty"` // "": none was opened
	Experiment string           `json:"experiment"`
	State      string           `json:"state,omitempty"`
	AsOf       string           `json:"asOf,omitempty"`
	Sentence   string           `json:"sentence"`
	Hint       string           `json:"hint,omitempty"`
	ExitCode   int              `json:"exitCode,omitempty"`
	Scores     []progress.Score `json:"scores,omitempty"`
	Gate       *progress.Gate   `json:"gate,omitempty"`

	// At is when it came to be, and Opened when the run did, which tells it from runs of
	// the same name in other stores.
	At     time.Time `json:"-"`
	Opened string    `json:"-"`
}

// Ended is what to tell of a run's end; nil: nothing, because it went well or somebody
// ended it.
func Ended(experiment string, e progress.Event) *Notice {
	n := &Notice{
		Run: e.Run, Experiment: experiment, State: e.State, Sentence: e.Cause, Hint: e.Hint, ExitCode: e.ExitCode, Scores: e.Scores, Gate: e.Gate,
	}
	switch {
	case e.ExitCode == fault.Interrupted || e.State == store.Interrupted:
		return nil
	case e.State == store.Succeeded && e.Gate != nil && !e.Gate.Passed:
		n.Kind, n.Sentence = Gate, e.Gate.Sentence
	case e.State == store.Succeeded && e.ExitCode != fault.OK: // it could not be asked
		n.Kind = Gate
	case e.State == store.Succeeded:
		return nil
	case e.ExitCode == fault.Budget:
		n.Kind = Budget
	default:
		n.Kind = Failed
	}
	if n.Sentence == "" {
		n.Sentence = "it failed, and left no cause"
	}
	return n
}

// id tells messages apart; it is the same each time that one is sent.
func (n *Notice) id() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{n.Experiment, n.Run, n.Opened, n.Kind}, "\x00")))
	return "msg_" + hex.EncodeToString(sum[:12])
}

// message is a notice in a webhook's format.
func (n *Notice) message(format string) (contentType string, body []byte, err error) {
	if format == Slack {
		body, err = json.Marshal(map[string]string{"text": n.text()})
		return "application/json; charset=utf-8", body, err
	}
	body, err = json.Marshal(struct {
		SpecVersion string  `json:"specversion"`
		ID          string  `json:"id"`
		Source      string  `json:"source"`
		Type        string  `json:"type"`
		Subject     string  `json:"subject,omitempty"`
		Time        string  `json:"time"`
		ContentType string  `json:"datacontenttype"`
		Data        *Notice `json:"data"`
	}{"1.0", n.id(), "/gymline/" + n.Experiment, "gymline.run." + n.Kind, n.Run, n.At.UTC().Format(time.RFC3339), "application/json", n})
	return "application/cloudevents+json; charset=utf-8", body, err
}

// marks are how kinds begin in a chat.
var marks = map[string]string{Failed: ":x:", Gate: ":vertical_traffic_light:", Budget: ":moneybag:", Waiting: ":hourglass_flowing_sand:"}

// text is a notice for people, in Slack's mark-up.
func (n *Notice) text() string {
	plain := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	name := n.Run
	if name == "" {
		name = n.Experiment
	}
	text := fmt.Sprintf("%s *%s* %s", marks[n.Kind], plain(name), plain(n.Sentence))
	if n.AsOf != "" {
		text += "\nas of " + plain(n.AsOf)
	}
	if n.Hint != "" {
		text += "\n→ " + plain(n.Hint)
	}
	return text
}
