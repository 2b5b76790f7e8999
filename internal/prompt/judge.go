package prompt

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/trace"
)

// JudgeSystem is the judge's system text: the accept/reject rule of the paper
// "Proactive Agent" (arXiv 2410.12361), in our words.
const JudgeSystem = `You judge a proactive assistant on behalf of the user that it watches. You see the user's events in order, and what the assistant did after the last one: it proposed a task, or it stayed silent.

Accept a proposal when the user, at that moment, would want this task done: the events show the need, the task is concrete, the assistant can do it, and it comes neither too early nor too late. Reject it otherwise.
Accept silence when the user needed no help at that moment. Reject it when the events show a need that a concrete offer would have met.

Answer with one JSON object: {"accepted": true or false, "reason": "one sentence"}.`

// JudgeCase is the user message that shows the judge a case: the events first,
// the decision last. A nil task is silence.
func JudgeCase(history []trace.Event, task *string) string {
	var b strings.Builder
	b.WriteString("Events:\n")
	for _, e := range history {
		fmt.Fprintf(&b, "[%s] %s\n", e.Time, e.Text)
	}
	if task == nil {
		b.WriteString("\nThe assistant stayed silent.")
	} else {
		fmt.Fprintf(&b, "\nThe assistant proposed: %s", *task)
	}
	return b.String()
}

// JudgeMessages is the whole request of one case.
func JudgeMessages(history []trace.Event, task *string) []llm.Message {
	return []llm.Message{{Role: llm.System, Content: JudgeSystem}, {Role: llm.User, Content: JudgeCase(history, task)}}
}

// JudgeSchema is the shape of a verdict. Its name is "judgement".
func JudgeSchema() *llm.Schema {
	return &llm.Schema{Name: "judgement", Schema: json.RawMessage(
		`{"type":"object","properties":{"accepted":{"type":"boolean"},"reason":{"type":"string"}},"required":["accepted","reason"],"additionalProperties":false}`)}
}

// A Verdict is the judge's decoded answer; see llm.Ask.
type Verdict struct {
	Accepted *bool  `json:"accepted"`
	Reason   string `json:"reason"`
}

// Check says what is wrong with the verdict, for repair.
func (v *Verdict) Check() error {
	if v.Accepted == nil {
		return errors.New(`"accepted" is missing`)
	}
	return nil
}

// JudgeAnswer is the judge's message for a verdict, as reward-model training
// files have it.
func JudgeAnswer(accepted bool, reason string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(Verdict{&accepted, reason}) // strings and booleans always encode
	return strings.TrimSuffix(b.String(), "\n")
}
