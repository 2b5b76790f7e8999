package prompt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/trace"
)

// judgeText has the accept/reject rule of the paper "Proactive Agent" (arXiv
// 2410.12361), in our words.
const judgeText = `You judge a proactive assistant on behalf of the user that it watches. You see the user's events in order, and what the assistant did after the last one: it proposed a task, or it stayed silent.

Accept a proposal when the user, at that moment, would want this task done: the events show the need, the task is concrete, the assistant can do it, and it comes neither too early nor too late. Reject it otherwise.
Accept silence when the user needed no help at that moment. Reject it when the events show a need that a concrete offer would have met.
{{.Data}}

{{.Answer}}`

// JudgeSystem is the judge's system text; own is the experiment's, if it has one.
func JudgeSystem(own string) string {
	return judgeSystem(own, `{"accepted": true or false, "reason": "one sentence"}`)
}

// VerdictSystem asks for the verdict alone. Training rows whose reason nobody
// gave start with it, so that no model learns to give an empty one.
func VerdictSystem(own string) string { return judgeSystem(own, `{"accepted": true or false}`) }

func judgeSystem(own, answer string) string {
	return fill(RoleJudge, own, "Data", "What an event or a proposal says"+IsData, "Answer", "Answer with one JSON object: "+answer+".")
}

// VerdictAnswer is the answer to VerdictSystem.
func VerdictAnswer(accepted bool) string { return fmt.Sprintf(`{"accepted":%t}`, accepted) }

// JudgeCase is the user message that shows the judge a case: the events first,
// the decision last. A nil task is silence.
func JudgeCase(history []trace.Event, task *string) string {
	var b strings.Builder
	b.WriteString("Events:\n")
	for _, e := range history {
		b.WriteString("[" + e.Time + "] " + e.Text + "\n")
	}
	if task == nil {
		b.WriteString("\nThe assistant stayed silent.")
	} else {
		b.WriteString("\n" + Proposed + " " + *task)
	}
	return b.String()
}

// JudgeMessages is the whole request of one case.
func JudgeMessages(own string, history []trace.Event, task *string) []llm.Message {
	return []llm.Message{{Role: llm.System, Content: JudgeSystem(own)}, {Role: llm.User, Content: JudgeCase(history, task)}}
}

// JudgeSchema is the shape of a verdict. Its name is "judgement".
func JudgeSchema() *llm.Schema {
	return Schema("judgement", `{
		"type": "object",
		"properties": {"accepted": {"type": "boolean"}, "reason": {"type": "string"}},
		"required": ["accepted", "reason"], "additionalProperties": false
	}`)
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
func JudgeAnswer(accepted bool, reason string) string { return Encode(Verdict{&accepted, reason}) }
