package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/plan"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

func newTag(edge *cli.Edge) *cobra.Command {
	var profile string
	var remove bool
	var by whoFlags
	cmd := &cobra.Command{
		Use:   "tag [RUN NAME | --delete NAME]",
		Short: "Give a run a name, such as baseline; without arguments, list the names",
		Long: `Give a run a name that commands take in place of RUN. A name is of one run: given to
another, it moves, and gymline says from where. A name ends in no number after a
dash, so that it is never taken for a run.`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case remove && len(args) == 1:
				return setTag(cmd.Context(), edge, profile, by, args[0], "")
			case !remove && len(args) == 2:
				return setTag(cmd.Context(), edge, profile, by, args[1], args[0])
			case !remove && len(args) == 0:
				return listTags(cmd.Context(), edge, profile)
			}
			return usage(cmd, errors.New("want RUN NAME, --delete NAME, or nothing"))
		},
	}
	bindProfile(cmd, &profile)
	by.bind(cmd)
	cmd.Flags().BoolVar(&remove, "delete", false, "take the name away")
	return cmd
}

func newNote(edge *cli.Edge) *cobra.Command {
	var profile string
	var by whoFlags
	cmd := &cobra.Command{
		Use:   "note RUN TEXT",
		Short: "Write a line on a run, which list and show show",
		Long: `Write a line on a run, which list and show show. The last one holds; earlier ones
stay in the store. An empty TEXT takes it away.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, words := cmd.Context(), strings.TrimSpace(args[1])
			if len(words) > 2000 || strings.ContainsAny(words, "\r\n") {
				return usage(cmd, errors.New("TEXT: want one line of at most 2000 bytes"))
			}
			if err := unsecret("TEXT", words); err != nil {
				return usage(cmd, err)
			}
			return opened(ctx, edge, profile, openProfile, func(st *store.Store) error {
				id, err := st.RunNamed(ctx, args[0])
				if err == nil {
					_, err = run.ReadHead(ctx, st, id)
				}
				if err != nil {
					return err
				}
				return st.AddNote(ctx, store.Note{Run: id, Text: words, By: by.who(edge), At: store.Stamp(edge.Now())})
			})
		},
	}
	bindProfile(cmd, &profile)
	by.bindBy(cmd)
	return cmd
}

// setTag gives a name to a run; "" takes it away.
func setTag(ctx context.Context, edge *cli.Edge, profile string, by whoFlags, name, of string) error {
	if _, n := store.SplitRun(store.RunID(name)); n > 0 || !label.MatchString(name) {
		return fault.New(fault.Usage, fmt.Errorf("%q cannot be a tag", name), "take up to 63 letters, digits and -+.:_, without a number after a dash at the end: that is how runs are named")
	}
	if name == plan.AgainstPrevious || strings.HasPrefix(name, "best:") {
		return fault.New(fault.Usage, fmt.Errorf("%q cannot be a tag: a gate's against has another meaning for it", name), "take another name")
	}
	return opened(ctx, edge, profile, openProfile, func(st *store.Store) error {
		tags, err := st.Tags(ctx)
		if err == nil {
			err = noRun(ctx, st, name)
		}
		if err != nil {
			return err
		}
		old, had := tags[name]
		t := store.Tag{Name: name, By: by.who(edge), Reason: text.Line(by.reason), At: store.Stamp(edge.Now())}
		if of != "" {
			if t.Run, err = st.RunNamed(ctx, of); err == nil {
				_, err = run.ReadHead(ctx, st, t.Run)
			}
		} else if !had {
			err = noTag(name)
		}
		if err != nil || t.Run == old.Run && had {
			return err
		}
		if err := st.AddTag(ctx, t); err != nil {
			return err
		}
		switch {
		case of == "":
			_, err = fmt.Fprintf(edge.Stdout, "%s no longer names %s\n", name, old.Run)
		case had:
			_, err = fmt.Fprintf(edge.Stdout, "%s moved from %s to %s\n", name, old.Run, t.Run)
		default:
			_, err = fmt.Fprintf(edge.Stdout, "%s names %s\n", name, t.Run)
		}
		return err
	})
}

func listTags(ctx context.Context, edge *cli.Edge, profile string) error {
	return reading(ctx, edge, profile, func(st *store.Store) error {
		tags, err := st.Tags(ctx)
		if err != nil {
			return err
		}
		tw := edge.NewTable("TAG\tRUN\tSINCE\tBY")
		for _, name := range slices.Sorted(maps.Keys(tags)) {
			row(tw, name, tags[name].Run, tags[name].At, tags[name].By)
		}
		return tw.Flush()
	})
}

func noTag(name string) error {
	return fault.New(fault.Usage, fmt.Errorf("there is no tag %q in this store", name), "see 'gymline tag'")
}

// noRun refuses a tag that is a run's own name.
func noRun(ctx context.Context, st *store.Store, name string) error {
	_, err := st.ReadRun(ctx, store.RunID(name))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = fault.New(fault.Usage, fmt.Errorf("%q cannot be a tag: a run is named so", name), "take another name")
	}
	return err
}
