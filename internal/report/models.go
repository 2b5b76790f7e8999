package report

import (
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/metrics"
	"github.com/gymline/gymline/internal/plan"
)

// An askedModel is a real model that answered or judged.
type askedModel struct {
	Who        string
	Asked      *llm.Asked
	AnsweredBy []string
	Prompt     *plan.PromptName
}

// askedModels are those of an evaluation, the judge last.
func askedModels(e *metrics.Evaluation) (list []askedModel) {
	for _, c := range e.Candidates {
		if c.Asked != nil {
			list = append(list, askedModel{c.Name, c.Asked, c.AnsweredBy, c.Prompt})
		}
	}
	if e.JudgeAsked != nil {
		list = append(list, askedModel{"the judge", e.JudgeAsked, e.JudgedBy, e.JudgePrompt})
	}
	return list
}
