package provider

import (
	"context"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/openai"
)

// List asks the server of a model what it serves; nil where nobody may be asked, because
// the model is a stand-in or the run a replay.
func (s *Set) List(ctx context.Context, m llm.Model) (*llm.Listing, error) {
	if m.Simulated() || s.opt.ReplayOnly {
		return nil, nil
	}
	shown, err := s.shown(m, s.opt.Access[m.Name])
	if err != nil {
		return nil, err
	}
	return openai.List(ctx, m, shown, s.client)
}
