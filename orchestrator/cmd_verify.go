package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/audit/verify"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

type verifyOptions struct {
	profile, output string
	folder          string
	roots           string // a file
	all, deep       bool
	runs            []string
	keys            []string // files
}

func newVerify(edge *cli.Edge) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [RUN…]",
		Short: "Read all that a run is made of again, and say what is not as it was recorded",
		Long: `Read every object of runs again, hash it, and hold it against what is recorded: blobs
and exports against their digests, records against the binding of the seal, the plan
against the experiment, each step against the plan and the steps before it, the seal
against the runs before. Each problem names the object, what was expected and what was
found. It reads the store alone; docs/audit.md has what it can find.

With --deep each run's steps that ask no model, or stand-ins alone, are done again
from what the store has, in a folder that is removed afterwards, and what they make is
compared by digest.

It exits with 65 where something is wrong. -o json is an in-toto statement for each run,
SLSA's verification summary, a line each.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.runs = args
			if o.folder != "" {
				if o.all || o.deep || len(args) > 0 || len(o.keys) == 0 || o.roots != "" || o.output != "table" {
					return usage(cmd, errors.New("--folder DIR wants --key FILE, and nothing else"))
				}
				return verifyFolder(cmd.Context(), edge, o)
			}
			if o.roots != "" && len(o.keys) == 0 {
				return usage(cmd, errors.New("--tsa-roots wants --key: a time stamp is over a signature"))
			}
			if o.all == (len(args) > 0) {
				return usage(cmd, errors.New("want RUN, several of them, or --all"))
			}
			return runVerify(cmd.Context(), edge, o)
		},
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "table", "json")
	cmd.Flags().StringVar(&o.roots, "tsa-roots", "", "`FILE` of the certificates, in PEM, of time-stamping authorities: a signature by --key has to have a time stamp by one of them")
	cmd.Flags().StringVar(&o.folder, "folder", "", "hold the files of `DIR`, such as 'gymline fetch' wrote, against the model.sig that lies there, by --key and without a store")
	cmd.Flags().StringArrayVar(&o.keys, "key", nil, "`FILE` of a public key that the runs have to be signed by (repeatable)")
	cmd.Flags().BoolVar(&o.deep, "deep", false, "do the steps that ask no model again, and compare what they make")
	cmd.Flags().BoolVar(&o.all, "all", false, "verify every run of the store, and that none is missing below a sealed one")
	return cmd
}

func runVerify(ctx context.Context, edge *cli.Edge, o verifyOptions) error {
	keys, err := publicKeys(o.keys)
	if err != nil {
		return err
	}
	roots, err := stampRoots(o.roots)
	if err != nil {
		return err
	}
	return reading(ctx, edge, o.profile, func(st *store.Store) error {
		ids, err := o.ids(ctx, st)
		if err != nil {
			return err
		}
		broken := 0
		for _, id := range ids {
			shown := told(edge, id)
			r, err := verify.Run(ctx, st, id, verify.Options{Version: version(), Formats: formats, Keys: keys, Roots: roots, Whole: o.all, Told: shown.tell})
			shown.end()
			if errors.Is(err, store.ErrNotFound) {
				return fault.New(fault.Usage, err, "see 'gymline list'")
			}
			if err == nil && o.deep {
				err = deepen(ctx, edge, st, o.profile, r)
			}
			if err != nil {
				return err
			}
			if len(r.Problems) > 0 {
				broken++
			}
			if o.output == "json" {
				err = writeJSON(edge.Stdout, r.Statement(version(), store.Stamp(edge.Now())))
			} else {
				err = printVerified(edge, r)
			}
			if err != nil {
				return err
			}
		}
		if broken > 0 {
			return fault.New(fault.Permanent, fmt.Errorf("%s of %d not as recorded", text.Plural(broken, "run"), len(ids)), "")
		}
		return nil
	})
}

func (o verifyOptions) ids(ctx context.Context, st *store.Store) (ids []store.RunID, err error) {
	if o.all {
		if ids, err = runsToVerify(ctx, st); err == nil && len(ids) == 0 {
			err = fault.New(fault.Usage, errors.New("this store has no run: nothing was verified"), "verify where the runs are: in the folder that has .gymline, or with --profile FILE")
		}
		return ids, err
	}
	for _, named := range o.runs {
		id, err := st.RunNamed(ctx, named)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// runsToVerify are all runs but those that were removed, of which a bucket may have a folder
// still: the runs after them are held against their tombstones.
func runsToVerify(ctx context.Context, st *store.Store) (ids []store.RunID, err error) {
	all, err := st.Runs(ctx)
	if err != nil {
		return nil, err
	}
	removed := make([]bool, len(all))
	err = store.SideBySide(ctx, len(all), func(i int) error {
		if _, err := st.ReadRun(ctx, all[i]); !errors.Is(err, store.ErrNotFound) {
			return nil
		}
		_, err := st.ReadTombstone(ctx, all[i])
		if removed[i] = err == nil; removed[i] || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) {
			return nil
		}
		return err
	})
	for i, id := range all {
		if !removed[i] {
			ids = append(ids, id)
		}
	}
	return ids, err
}

func printVerified(edge *cli.Edge, r *verify.Result) error {
	word := "as recorded"
	if len(r.Problems) > 0 {
		word = text.Plural(len(r.Problems), "problem")
	}
	fmt.Fprintf(edge.Stdout, "%s  %s: %s, %s read", r.Run, word, text.Plural(int(r.Objects), "object"), text.Bytes(r.Bytes))
	if r.Chain > 0 {
		fmt.Fprintf(edge.Stdout, ", chained to %s before", text.Plural(r.Chain, "run"))
	}
	fmt.Fprintln(edge.Stdout)
	for _, key := range r.SignedBy {
		fmt.Fprintf(edge.Stdout, "  signed by %s\n", key)
	}
	for _, when := range r.Stamped {
		fmt.Fprintf(edge.Stdout, "  time stamp %s\n", text.Line(when))
	}
	if len(r.Models) > 0 {
		fmt.Fprintf(edge.Stdout, "  model.sig over %s\n", text.Line(strings.Join(r.Models, ", ")))
	}
	if r.Seal != "" {
		fmt.Fprintf(edge.Stdout, "  seal %s, %s\n", r.Seal, r.State)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(edge.Stdout, "  %s\n    expected %s\n    found    %s\n    %s\n", text.Line(p.Key), text.Line(p.Expected), text.Line(p.Found), text.Line(p.Means))
	}
	for _, remark := range r.Remarks {
		fmt.Fprintf(edge.Stdout, "  note: %s\n", text.Line(remark))
	}
	return nil
}

// showEvery is how often a terminal is told how far a verification is.
const showEvery = 500 * time.Millisecond

// A progressLine says how far a long verification is, on a terminal.
type progressLine struct {
	edge  *cli.Edge
	id    store.RunID
	mu    sync.Mutex
	last  time.Time
	shown bool
}

func told(edge *cli.Edge, id store.RunID) *progressLine {
	return &progressLine{edge: edge, id: id, last: edge.Now()}
}

func (l *progressLine) tell(objects, bytes int64) {
	if !l.edge.Terminal {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.edge.Now(); now.Sub(l.last) >= showEvery {
		l.last, l.shown = now, true
		fmt.Fprintf(l.edge.Screen(), "\r%s: %s, %s read\x1b[K", l.id, text.Plural(int(objects), "object"), text.Bytes(bytes))
	}
}

// end takes the line away.
func (l *progressLine) end() {
	if l.shown {
		fmt.Fprint(l.edge.Screen(), "\r\x1b[K")
	}
}
