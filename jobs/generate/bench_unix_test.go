//go:build unix

package generate

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/sim"
	"github.com/gymline/gymline/internal/trace"
)

// papersEvents is how many events the gym of the paper "Proactive Agent" made
// (arXiv 2410.12361).
const papersEvents = 6790

// BenchmarkEvents plays as many events as the paper's gym, and ten and a hundred
// times as many, with a stand-in. What an event costs must not depend on how many
// there are, nor must the memory, once every output has gone to a file: peak-MB is
// the live heap at most.
//
//	go test -run '^$' -bench Events -benchtime 1x -timeout 1h ./jobs/generate
func BenchmarkEvents(b *testing.B) {
	for _, times := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("x%d", times), func(b *testing.B) {
			for b.Loop() {
				g := newGauge(sim.New(simModel))
				events := playEvents(b, g, times*papersEvents, 64)
				g.report(b, events)
			}
		})
	}
}

// BenchmarkOverhead plays sessions of 20 events, 2,000 at once, with a model that
// answers at once: what is left is the gym's own work.
func BenchmarkOverhead(b *testing.B) {
	for b.Loop() {
		g := newGauge(instant{})
		events := playEvents(b, g, 40_000, 2000)
		g.report(b, events)
	}
}

// playEvents plays at least that many events in the workshop and returns how many.
func playEvents(b *testing.B, c llm.Chatter, events, inFlight int) int {
	b.Helper()
	p := limits
	p.MaxEvents, p.Sessions = 20, (events+11)/12 // sessions are longer, as a rule
	p.Scenes = &plan.File{Input: "samples", Path: "scenes.yaml"}
	p.Models = plan.GymModels{User: simModel, Environment: simModel, Agent: simModel}
	const scene = `
- environment:
    theme: Lamp workshop
    description: A bench by the window.
    entities: [Lamp, Top drawer, Phone, Lamp catalogue]
    agent_ops: [drawer.open(name), catalogue.search(text), phone.call(person)]
    events_example: [The user turns the lamp over.]
  user: {description: Ada repairs lamps., goal: Put the brass lamp together before noon.}
`
	res, err := jobtest.Run(b, jobtest.Case{
		Job: plan.JobGenerate, Func: Run, Seed: 7, Params: p, InFlight: inFlight,
		Models: jobtest.Models(func(llm.Model) (llm.Chatter, error) { return c, nil }),
		Files:  map[string]fs.FS{"samples": fstest.MapFS{"scenes.yaml": {Data: []byte(scene)}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	var stats trace.Stats
	if err := json.Unmarshal(res.Output(b, plan.StatsOutput), &stats); err != nil {
		b.Fatal(err)
	}
	return stats.Events
}

// A gauge counts calls, and looks at the live heap now and then.
type gauge struct {
	llm.Chatter
	calls, peak atomic.Int64
	cpu         time.Duration
	start       time.Time
}

func newGauge(c llm.Chatter) *gauge {
	runtime.GC()
	return &gauge{Chatter: c, cpu: cpuTime(), start: time.Now()}
}

func (g *gauge) Chat(ctx context.Context, req *llm.Request) (*llm.Response, error) {
	if g.calls.Add(1)%2000 == 0 {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		g.peak.Store(max(g.peak.Load(), int64(live[0].Value.Uint64())))
	}
	return g.Chatter.Chat(ctx, req)
}

func (g *gauge) report(b *testing.B, events int) {
	wall, cpu := time.Since(g.start), cpuTime()-g.cpu
	b.ReportMetric(float64(events), "events")
	b.ReportMetric(wall.Seconds(), "s")
	b.ReportMetric(float64(cpu.Microseconds())/float64(events), "cpu-µs/event")
	b.ReportMetric(float64(cpu.Microseconds())/float64(g.calls.Load()), "cpu-µs/call")
	b.ReportMetric(float64(g.peak.Load())/1e6, "peak-MB")
}

// cpuTime is what this process has used of all processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// instant is a model whose user never reaches its goal, and whose agent is
// accepted at times.
type instant struct{}

func (instant) Chat(_ context.Context, req *llm.Request) (*llm.Response, error) {
	content := said[req.Schema.Name]
	if req.Schema.Name == "proposal" && req.Seed%4 == 0 {
		content = offer
	}
	return &llm.Response{Content: content, FinishReason: "stop"}, nil
}

var said = map[string]string{
	"activity": act, "proposal": silence, "verdict": accept, "operation": look, "result": found,
	"events": happening("The user looks under the table for the missing bolt of the lamp.", "The user searches the web for 'brass lamp bolt M5'."),
}
