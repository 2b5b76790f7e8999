package job

import (
	"context"
	"sync"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/progress"
	"github.com/gymline/gymline/internal/rows"
)

// A meter sums what a shard did so far, for progress and the step's record.
type meter struct {
	mu        sync.Mutex
	total     int64
	answered  int64 // rows that a candidate has answered
	ended     int64
	failed    int64
	usage     llm.UsageByRole
	simulated bool
	// traffic is the process's; before is what had failed when this shard began.
	traffic func() llm.Traffic
	before  llm.Errors
}

// newMeter returns a meter that also tells of traffic; nil tells nothing of it.
func newMeter(traffic func() llm.Traffic) *meter {
	if traffic == nil {
		traffic = func() llm.Traffic { return llm.Traffic{} }
	}
	return &meter{traffic: traffic, before: traffic().Errors}
}

func (m *meter) plan(total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total = total
}

func (m *meter) done(state rows.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended++
	if state == rows.Failed {
		m.failed++
	}
}

func (m *meter) answer() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answered++
}

// event returns the progress so far.
func (m *meter) event(step string, shard int) progress.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	usage, now := m.usage.Usage, m.traffic()
	e := progress.Event{
		Type: progress.Progress, Step: step, Shard: shard,
		Answered: m.answered, Done: m.ended, Total: m.total, Failed: m.failed, Usage: &usage, Simulated: m.simulated,
		InFlight: now.InFlight, Waiting: now.Waiting,
	}
	if now.Batches.Open > 0 {
		e.Batches = &now.Batches
	}
	if failed := now.Errors.Sub(m.before); failed != (llm.Errors{}) {
		e.Errors = &failed
	}
	return e
}

// wrap counts the calls to c as a role's.
func (m *meter) wrap(c llm.Chatter, role string, model llm.Model) llm.Chatter {
	return &metered{c, m, role, model.Simulated()}
}

type metered struct {
	llm.Chatter
	meter     *meter
	role      string
	simulated bool
}

func (c *metered) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	resp, err := c.Chatter.Chat(noted(ctx, c.role), req)
	if err != nil {
		return nil, err
	}
	if !c.simulated {
		answered(ctx, c.role, resp.Model)
	}
	usage := resp.Usage
	usage.Calls = 1
	c.meter.mu.Lock()
	defer c.meter.mu.Unlock()
	c.meter.usage.Count(c.role, usage, resp.Redacted)
	c.meter.simulated = c.meter.simulated || c.simulated
	return resp, nil
}
