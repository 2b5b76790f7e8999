// Package budget holds the calls of all processes of a run within one sum of
// money. The processes share an account in the store: each sets dollars aside
// there before it makes calls, and gives back at its end what it did not need.
//
// A call starts only while what was spent and what the calls in flight are
// expected to cost leave room for it in what its process has set aside, and the
// processes never set aside more than the budget. So the budget is exceeded at
// most by as much as the calls in flight cost more than expected. The sum that a
// killed process had set aside counts as spent.
//
// Processes that write the account at the same time hold each other up. So what
// one sets aside serves all its calls that wait, and lasts the longer the longer
// it takes to write.
package budget

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/seed"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// rounding is a sum that is none, in dollars.
const rounding = 1e-9

// Options say which account is spent from, how far, and by whom.
type Options struct {
	Store   *store.Store
	Account store.RunID
	USD     float64 // the budget
	// Run, Step and the process's first Shard are who spends. They also seed its
	// pauses, so that those of different processes differ.
	Run   store.RunID
	Step  store.StepName
	Shard int
	Now   func() time.Time
}

// An Account is one process's part in an account. It is safe for concurrent
// use; Close it, whatever happens.
type Account struct {
	opt Options

	// turn is held by the call that is next to start, in order of arrival, and
	// guards what follows it.
	turn    chan struct{}
	last    store.Spend   // the latest entry that was seen
	more    float64       // dollars that were set aside beyond what a call needed
	setAt   time.Time     // when they were
	took    time.Duration // about how long that takes
	usedUp  error         // what every further call gets
	jitter  *rand.Rand
	settled chan struct{}

	mu       sync.Mutex
	aside    float64 // dollars set aside by this process, less what it gave back
	spent    float64 // by calls that came back
	reserved float64 // for calls in flight
	flying   int     // calls in flight
}

// New returns a process's part in an account. It reads nothing before the first call.
func New(opt Options) *Account {
	return &Account{
		opt: opt, turn: make(chan struct{}, 1), settled: make(chan struct{}, 1),
		jitter: seed.New(uint64(opt.Shard), "budget", string(opt.Run), string(opt.Step)),
	}
}

// admit waits until a call may start, and returns what is reserved for it. A
// call that finds no room waits for those in flight, which may cost less than
// expected; so when the budget is found used up, none is cut off. After ctx has
// ended no call starts.
func (a *Account) admit(ctx context.Context, c *chatter, guess float64) (float64, error) {
	a.wait(c, guess)
	defer a.wait(c, -guess)
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for a.usedUp == nil {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		price, short, flying := a.reserve(c, guess)
		if short <= 0 {
			return price, nil
		}
		// What a model's calls cost is a guess until one has come back. Until then
		// a large sum is set aside for one call alone.
		timid := flying > 0 && price == guess
		switch ok, err := a.setAside(ctx, c, short, price, timid); {
		case err != nil:
			return 0, err
		case ok:
		case flying == 0:
			if err := a.end(ctx, price); err != nil {
				return 0, err
			}
		default:
			select {
			case <-a.settled:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
	}
	return 0, a.usedUp
}

// wait notes that a call waits, or with a negative guess that it does no longer.
func (a *Account) wait(c *chatter, guess float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.waiting += guess
}

// reserve starts a call, or says how many dollars it is short of.
func (a *Account) reserve(c *chatter, guess float64) (price, short float64, flying int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	price = c.expect(guess)
	if short = a.spent + a.reserved + price - a.aside; short <= 0 {
		a.reserved += price
		a.flying++
	}
	return price, short, a.flying
}

// settle ends a call for which price was reserved and that cost so much.
func (a *Account) settle(c *chatter, guess, price, cost float64, answered bool) {
	a.mu.Lock()
	a.reserved -= price
	a.spent += cost
	if a.flying--; a.flying == 0 {
		a.reserved = 0 // and no rounding
	}
	if answered {
		c.learn(guess, cost)
	}
	a.mu.Unlock()
	select {
	case a.settled <- struct{}{}:
	default:
	}
}

// end notes in the account that the budget is used up, for the other processes
// and for runs that would go on with it.
func (a *Account) end(ctx context.Context, price float64) error {
	if err := a.append(ctx, 0, true); err != nil {
		return err
	}
	a.usedUp = fault.New(fault.Budget,
		fmt.Errorf("the budget of %s is used up: %s spent or set aside, and the next call costs about %s", text.Dollars(a.opt.USD), text.Dollars(a.last.Total), text.Dollars(price)),
		"raise budget.usd and run again: what was paid for is kept and not paid again")
	return nil
}

// Close gives back what was not spent, or accounts for what calls cost beyond
// what was set aside. No call may be under way; one that was cut off counts as made.
func (a *Account) Close(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	a.mu.Lock()
	due := a.spent + a.reserved - a.aside
	a.mu.Unlock()
	if math.Abs(due) < rounding {
		return nil
	}
	return a.append(ctx, due, false)
}
