package local

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/progress"
)

// sharedChild does its shards as the job of that name says, and logs each try.
func sharedChild() {
	all, _ := strconv.Atoi(os.Getenv("GYMLINE_TEST_SHARDS"))
	kind, first, stride := os.Args[2], number(os.Args[8]), number(os.Args[10])
	log, _ := os.OpenFile(filepath.Join(os.Getenv("GYMLINE_TEST_DIR"), "log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	fmt.Fprintf(log, "child %d %d\n", first, stride)
	emit := func(e progress.Event) {
		e.Type, e.Step = progress.StepState, os.Args[6]
		_ = json.NewEncoder(os.Stdout).Encode(e)
	}
	for shard := first; shard < all; shard += stride {
		before, _ := os.ReadFile(log.Name())
		try := fmt.Sprintf("try %d\n", shard)
		tries := strings.Count("\n"+string(before), "\n"+try)
		fmt.Fprint(log, try)
		switch {
		case kind == "killed" && shard%7 == 3 && tries == 0, kind == "unlucky" && shard == 71:
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case kind == "bad" && shard == 71:
			emit(progress.Event{Shard: shard, State: progress.Failed, Cause: "row 7 is cut in half"})
			os.Exit(fault.Permanent)
		}
		emit(progress.Event{Shard: shard, State: progress.Succeeded})
	}
	if kind == "forgetful" && first == 0 { // what it had to write at its end failed
		os.Exit(fault.Temporary)
	}
	os.Exit(0)
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// shared runs a step of 200 shards with 2 children at once.
func shared(t *testing.T, kind string) (failed []int, told map[int]string, log []string) {
	t.Helper()
	const shards = 200
	failures, ev, text, err := run(t, func(c *Config) {
		env := c.Env
		c.Env = func(s *plan.Step) []string { return append(env(s), fmt.Sprint("GYMLINE_TEST_SHARDS=", shards)) }
		c.Retries = 1
	}, step("a", kind, shards))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		failed = append(failed, f.Shard)
	}
	told = map[int]string{}
	for _, e := range ev.list {
		told[e.Shard] += fmt.Sprintf(" %s", e.State)
		if e.Attempt > 0 {
			told[e.Shard] += fmt.Sprint(e.Attempt)
		}
	}
	return failed, told, strings.Split(strings.TrimSpace(text), "\n")
}

func count(log []string, prefix string) (n int) {
	for _, line := range log {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

// A step of many shards has few children, and each shard is told of as if it had
// one of its own.
func TestManyShardsShareChildren(t *testing.T) {
	failed, told, log := shared(t, "ok")
	if n := count(log, "child"); failed != nil || n != 2*lotsPerSlot || count(log, "try") != 200 {
		t.Errorf("failed %v, %d children", failed, n)
	}
	for shard := range 200 {
		if told[shard] != " Running1 Succeeded" {
			t.Errorf("shard %d:%s", shard, told[shard])
		}
	}
}

// A child that is killed is tried again from where it was: no shard that was
// done is done again, and each has tries of its own.
func TestAKilledChildGoesOnWhereItWas(t *testing.T) {
	failed, told, log := shared(t, "killed")
	if failed != nil {
		t.Fatal(failed)
	}
	for shard := range 200 {
		want, tries := " Running1 Succeeded", 1
		if shard%7 == 3 {
			want, tries = " Running1 Retrying1 Running2 Succeeded", 2
		}
		try := fmt.Sprint("try ", shard)
		n := len(slices.DeleteFunc(slices.Clone(log), func(line string) bool { return line != try }))
		if told[shard] != want || n != tries {
			t.Errorf("shard %d:%s, tried %d times", shard, told[shard], n)
		}
	}
}

func TestAShardOfASharedChildFails(t *testing.T) {
	for kind, want := range map[string]string{"bad": " Running1 Failed1", "unlucky": " Running1 Retrying1 Running2 Failed2"} {
		failed, told, _ := shared(t, kind)
		if !slices.Equal(failed, []int{71}) || told[71] != want || told[39] != " Running1 Succeeded" || told[103] != "" {
			t.Errorf("%s: failed %v, told%s; the one before:%s, after:%s", kind, failed, told[71], told[39], told[103])
		}
	}
}

// What a child has to do at its end is done again, too.
func TestASharedChildThatFailsAtItsEnd(t *testing.T) {
	failed, told, log := shared(t, "forgetful")
	if failed != nil || !slices.Contains(log, "child 192 32") || count(log, "child") != 2*lotsPerSlot+1 || told[192] != " Running1 Succeeded Retrying1 Running2 Succeeded" {
		t.Errorf("failed %v,%s in %v", failed, told[192], log)
	}
}

// Shards that are settled need no child; a step that is settled whole opens the
// way for those after it at once.
func TestSettledShardsNeedNoChild(t *testing.T) {
	var asked []string
	failures, ev, log, err := run(t, func(c *Config) {
		c.Parallel = 1
		c.Settle = func(_ context.Context, s *plan.Step) []bool {
			asked = append(asked, string(s.Name)) // one after another: each waits for the one before
			switch s.Name {
			case "a":
				return []bool{true, true, true}
			case "b":
				return []bool{true, false, true}
			}
			return nil
		}
	}, step("a", "ok", 3), step("b", "ok", 3, "a"), step("c", "ok", 2, "b"))
	if err != nil || failures != nil {
		t.Fatal(err, failures)
	}
	if want := "start b/1\nend b/1\nstart c/0\nend c/0\nstart c/1\nend c/1\n"; log != want {
		t.Errorf("%s", log)
	}
	if !slices.Equal(asked, []string{"a", "b", "c"}) || ev.states("a") != nil || fmt.Sprint(ev.states("b")) != "[Running Succeeded]" {
		t.Errorf("asked for %v; a: %v, b: %v", asked, ev.states("a"), ev.states("b"))
	}
}

// Steps are settled beside children, also when these take every slot.
func TestSettlingWaitsForNoChild(t *testing.T) {
	settled := make(chan struct{})
	failures, _, log, err := run(t, func(c *Config) {
		c.Parallel = 1
		c.Settle = func(_ context.Context, s *plan.Step) []bool {
			if s.Name == "c" {
				close(settled)
			}
			return []bool{s.Name != "slow"}
		}
		env := c.Env
		c.Env = func(s *plan.Step) []string {
			<-settled
			return env(s)
		}
	}, step("slow", "ok", 1), step("b", "ok", 1), step("c", "ok", 1, "b"))
	if err != nil || failures != nil || log != "start slow/0\nend slow/0\n" {
		t.Error(failures, err, log)
	}
}

// Steps have their turn in the plan's order, however long it takes to settle them.
func TestSettlingKeepsThePlansOrder(t *testing.T) {
	_, _, log, err := run(t, func(c *Config) {
		c.Parallel = 1
		second := make(chan struct{})
		c.Settle = func(_ context.Context, s *plan.Step) []bool {
			if s.Name == "first" {
				<-second
			} else {
				close(second)
			}
			return nil
		}
	}, step("first", "ok", 1), step("second", "ok", 1))
	if want := "start first/0\nend first/0\nstart second/0\nend second/0\n"; err != nil || log != want {
		t.Errorf("%v: %s", err, log)
	}
}

// However shards that are done lie, the lots have each of the others once, a child
// comes by all of its own, and there are enough of them.
func TestCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		s := plan.Step{Name: "a", Shards: 1 + rng.IntN(300)}
		most, done, left := 1+rng.IntN(40), make([]bool, s.Shards), 0
		crowd, share := 1+rng.IntN(50), rng.Float64()
		for i := range done {
			if done[i] = i%crowd != 0 && rng.IntN(8) > 0 || rng.Float64() < share; !done[i] {
				left++
			}
		}
		seen := map[int]bool{}
		lots := cut(&s, done, most)
		for _, l := range lots {
			coming := map[int]bool{}
			for shard := l.left[0]; shard < s.Shards; shard += l.stride {
				coming[shard] = true
			}
			for _, shard := range l.left {
				if done[shard] || seen[shard] || !coming[shard] {
					t.Fatalf("%v of %v: shard %d", l, done, shard)
				}
				seen[shard] = true
			}
			if !slices.IsSorted(l.left) {
				t.Fatal(l.left)
			}
		}
		if len(seen) != left || len(lots) < min(most, left) {
			t.Fatalf("%d lots of at most %d for %d shards, %d in them", len(lots), most, left, len(seen))
		}
	}
	few := plan.Step{Name: "a", Shards: 32}
	if lots := cut(&few, nil, 32); len(lots) != 32 || lots[5].stride != 32 {
		t.Error("few shards share children")
	}
	many := plan.Step{Name: "a", Shards: 10_000}
	if lots := cut(&many, nil, 32); len(lots) != 32 || len(lots[0].left) != 313 || len(lots[31].left) != 312 {
		t.Errorf("%d lots", len(lots))
	}
}
