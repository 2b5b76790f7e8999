package calls

import (
	"context"
	"fmt"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/llm/ledger"
)

// fill has take copy into each call what its exchange tells.
func (r *reader) fill(ctx context.Context, list []*Call, opt Options, take func(*Call, *ledger.Exchange)) error {
	recorded, standIns := map[string]*lookup{}, map[job.Shard]*lookup{}
	for _, c := range list {
		if c.Model.Simulated() {
			at := job.Shard{Run: r.id, Step: c.Step, Shard: c.Shard}
			if standIns[at] == nil {
				standIns[at] = &lookup{c.Model, map[string][]*Call{}}
			}
			standIns[at].add(c)
			continue
		}
		id, err := canonical.JSON(c.Model)
		if err != nil {
			return err
		}
		if recorded[string(id)] == nil {
			recorded[string(id)] = &lookup{c.Model, map[string][]*Call{}}
		}
		recorded[string(id)].add(c)
	}
	for _, l := range recorded {
		if err := r.recorded(ctx, l, take); err != nil {
			return err
		}
	}
	for at, l := range standIns {
		if err := r.standIns(ctx, at, l, opt, take); err != nil {
			return err
		}
	}
	return nil
}

// A lookup is calls of one model, or with stand-ins of one shard, by the beginnings of their keys: one recorded answer may serve
// several rows.
type lookup struct {
	model llm.Model
	calls map[string][]*Call
}

func (l *lookup) add(c *Call) { l.calls[c.Key] = append(l.calls[c.Key], c) }

func (l *lookup) wanted() map[string]bool {
	wanted := map[string]bool{}
	for key := range l.calls {
		wanted[key] = true
	}
	return wanted
}

// take gives an exchange to the calls that it is of.
func (l *lookup) take(key string, x *ledger.Exchange, take func(*Call, *ledger.Exchange)) {
	for _, c := range l.calls[key] {
		take(c, x)
	}
	delete(l.calls, key)
}

func (l *lookup) missing(why string) {
	for _, calls := range l.calls {
		for _, c := range calls {
			c.Missing = why
		}
	}
}

// recorded looks in the ledger.
func (r *reader) recorded(ctx context.Context, l *lookup, take func(*Call, *ledger.Exchange)) error {
	price := r.how.Models[l.model.Name].Paid()
	for try := 0; try < 2 && len(l.calls) > 0; try++ { // a process at work may move what it recorded meanwhile
		err := ledger.Find(ctx, r.st.Bucket(), l.model, l.wanted(), func(key string, x *ledger.Exchange) {
			if price != nil && x.Response != nil {
				x.Response.Usage.USD = price.Cost(x.Response.Usage)
			}
			l.take(key, x, take)
		})
		if err != nil {
			return err
		}
	}
	l.missing("the ledger of this store does not have it")
	return nil
}

// standIns does the shard once more.
func (r *reader) standIns(ctx context.Context, at job.Shard, l *lookup, opt Options, take func(*Call, *ledger.Exchange)) error {
	if opt.Again == nil {
		l.missing("a stand-in's answers are not recorded")
		return nil
	}
	for _, p := range r.parts {
		if p.step.Name == at.Step && opt.Formats[p.step.Job] != p.step.Format {
			l.missing("a stand-in's answers are not recorded, and this gymline would ask it otherwise than the one that made the run")
			return nil
		}
	}
	err := opt.Again(ctx, at, l.wanted(), func(key string, x *ledger.Exchange) { l.take(key, x, take) })
	if err != nil {
		return fmt.Errorf("step %s, shard %d, done once more: %w", at.Step, at.Shard, err)
	}
	l.missing("a stand-in's answers are not recorded, and this gymline's stand-in answers otherwise")
	return nil
}
