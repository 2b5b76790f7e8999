package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/audit/gc"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

type gcOptions struct {
	profile, output string
	by              whoFlags
	yes             bool
	grace           time.Duration
	ended           []string
}

func newGC(edge *cli.Edge) *cobra.Command {
	var o gcOptions
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove what no run reaches; without --yes, say what that is",
		Long: `Remove what nothing in the store reaches: blobs, exports, memos and hand-ins that no run
and no scheduled draft names. Recorded answers of models stay, since they were paid for.
Without --yes it only says what there is.

Runs may be at work meanwhile, on any machine: nothing that one of them needs is removed.
So nothing goes at once: with --yes, what nothing reaches is condemned, and removed by the
first 'gymline gc --yes' after --grace if nothing reached it or asked for it since. Call
it every night. A grace below 10 minutes is for a store that nothing else writes to, and
refused while a run may be under way.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.grace < 0 {
				return usage(cmd, errors.New("--grace: want 0 or more, such as 24h"))
			}
			return runGC(cmd.Context(), edge, o)
		},
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "text", "json")
	o.by.bindBy(cmd)
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do it")
	cmd.Flags().DurationVar(&o.grace, "grace", gc.Grace, "how long what is condemned stays")
	bindEnded(cmd, &o.ended)
	return cmd
}

func bindEnded(cmd *cobra.Command, ended *[]string) {
	cmd.Flags().StringSliceVar(ended, "assume-ended", nil, "`RUN` that is not sealed and at which nobody works any more")
}

func runsOf(names []string) (ids []store.RunID) {
	for _, n := range names {
		ids = append(ids, store.RunID(n))
	}
	return ids
}

func runGC(ctx context.Context, edge *cli.Edge, o gcOptions) error {
	open := readProfile
	if o.yes {
		open = openAlone
	}
	return opened(ctx, edge, o.profile, open, func(st *store.Store) error {
		c := gc.Collector{Store: st, Clock: gc.SystemClock(edge.Now), By: o.by.who(edge), Grace: o.grace, For: sweepFor}
		if o.yes && o.grace < 2*lookEvery { // shorter than a process at work may not know of it
			open, err := gc.Removal{Store: st, Clock: c.Clock, Ended: runsOf(o.ended)}.AtWork(ctx)
			if err == nil && len(open) > 0 {
				err = fault.New(fault.Usage, fmt.Errorf("--grace %s: a process may be at work on run %s", o.grace, open[0]), "leave out --grace, wait for its end, or say that it has ended with --assume-ended "+string(open[0]))
			}
			if err != nil {
				return err
			}
		}
		collect := c.Look
		if o.yes {
			collect = c.Collect
		}
		r, err := collect(ctx)
		if s, ok := errors.AsType[*gc.Stuck](err); ok {
			return fault.New(fault.Permanent, fmt.Errorf("nothing is removed: %w", err), fmt.Sprintf("restore what is damaged, or remove that run: 'gymline rm %s'", s.Run))
		}
		if err != nil {
			return err
		}
		if o.output == "json" {
			return writeJSON(edge.Stdout, r)
		}
		printGC(edge, r, o.yes)
		if v, ok := st.Bucket().(interface {
			Versioned(context.Context) (bool, error)
		}); ok && r.Removed.Objects > 0 {
			if kept, err := v.Versioned(ctx); err == nil && kept {
				fmt.Fprintln(edge.Stderr, "the bucket keeps versions: what was removed still takes space there, until a lifecycle rule of the bucket removes versions")
			}
		}
		return nil
	})
}

func printGC(edge *cli.Edge, r gc.Report, acted bool) {
	out := func(format string, args ...any) { fmt.Fprintf(edge.Stdout, format+"\n", args...) }
	told := false
	amount := func(format string, a gc.Amount, args ...any) {
		if a.Objects == 0 {
			return
		}
		told = true
		out(format, append([]any{fmt.Sprintf("%s, %s", text.Plural(a.Objects, "object"), text.Bytes(a.Bytes))}, args...)...)
		for _, kind := range slices.Sorted(maps.Keys(a.Kinds)) {
			out("  %-8s %s", kind, text.Bytes(a.Kinds[kind]))
		}
	}
	amount("removed %s", r.Removed)
	if r.Cut {
		out("the time of this removal was up: the rest goes with later ones")
	}
	amount("nothing reaches %s", r.Unreachable)
	if r.Sweeping {
		out("another process is removing what was condemned before")
	} else {
		amount("condemned %s: 'gymline gc --yes' removes it after %s", r.Condemned, r.Due)
	}
	switch {
	case !told && acted:
		out("nothing to remove")
	case !told:
		out("everything is reached: there is nothing to remove")
	case !acted && r.Generation == 0:
		out("'gymline gc --yes' condemns it")
	}
}

func newRm(edge *cli.Edge) *cobra.Command {
	var profile string
	var by whoFlags
	var dry bool
	var ended []string
	cmd := &cobra.Command{
		Use:   "rm RUN... --reason TEXT",
		Short: "Remove runs' records; gc then removes what only they reached",
		Long: `Remove runs: their records go, and a tombstone stays that says who removed them and why,
with the digest of the seal. 'gymline gc' then removes what only they reached. Work that
another run has too is still found; an account that another run spends from stays. A run
that is under way, pinned or tagged is refused. Its number is not used again.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if by.reason == "" && !dry {
				return usage(cmd, errors.New("--reason: want why, for the record"))
			}
			ctx := cmd.Context()
			open := readProfile
			if !dry {
				open = openAlone
			}
			return opened(ctx, edge, profile, open, func(st *store.Store) error {
				r := gc.Removal{Store: st, Clock: gc.SystemClock(edge.Now), By: by.who(edge), Reason: text.Line(by.reason), Ended: runsOf(ended)}
				return runRm(ctx, edge, st, r, args, dry)
			})
		},
	}
	bindProfile(cmd, &profile)
	by.bind(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say whether they can go")
	bindEnded(cmd, &ended)
	return cmd
}

func runRm(ctx context.Context, edge *cli.Edge, st *store.Store, r gc.Removal, names []string, dry bool) error {
	var ids []store.RunID
	for _, name := range names { // a tag would keep its run
		id := store.RunID(name)
		err := r.Check(ctx, id)
		if kept, ok := errors.AsType[*gc.Kept](err); ok {
			return fault.New(fault.Usage, err, kept.Do)
		}
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if !dry {
		if err := r.Remove(ctx, ids...); err != nil {
			return err
		}
	}
	for _, id := range ids {
		word := "removed"
		if dry {
			word = "would remove"
		}
		fmt.Fprintf(edge.Stdout, "%s %s\n", word, id)
	}
	if !dry {
		fmt.Fprintln(edge.Stderr, "'gymline gc' shows what nothing reaches now")
	}
	return nil
}

func newPin(edge *cli.Edge, pinned bool) *cobra.Command {
	var profile string
	var by whoFlags
	cmd := &cobra.Command{
		Use:   "pin RUN",
		Short: "Keep a run from being removed",
		Long:  `Keep a run from being removed, until it is unpinned. Who pinned it and why stays in the store.`,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return opened(ctx, edge, profile, openProfile, func(st *store.Store) error {
				id, err := st.RunNamed(ctx, args[0])
				if err == nil {
					_, err = run.ReadHead(ctx, st, id)
				}
				if err != nil {
					return err
				}
				pins, err := st.Pins(ctx)
				if err != nil {
					return err
				}
				if _, is := pins[id]; is == pinned {
					fmt.Fprintf(edge.Stdout, "%s is so already\n", id)
					return nil
				}
				if err := st.AddPin(ctx, store.Pin{Run: id, Pinned: pinned, By: by.who(edge), Reason: text.Line(by.reason), At: store.Stamp(edge.Now())}); err != nil {
					return err
				}
				word := "pinned"
				if !pinned {
					word = "unpinned"
				}
				_, err = fmt.Fprintf(edge.Stdout, "%s is %s\n", id, word)
				return err
			})
		},
	}
	if !pinned {
		cmd.Use, cmd.Short, cmd.Long = "unpin RUN", "Let a pinned run be removed again", "Let a pinned run be removed again."
	}
	bindProfile(cmd, &profile)
	by.bind(cmd)
	return cmd
}
