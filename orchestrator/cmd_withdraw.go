package main

import (
	"bufio"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/audit/lineage"
	"github.com/gymline/gymline/internal/audit/withdraw"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

type withdrawOptions struct {
	profile, output string
	key             string // file of the private key
	dry             bool
	by              whoFlags
}

func newWithdraw(edge *cli.Edge) *cobra.Command {
	var o withdrawOptions
	cmd := &cobra.Command{
		Use:   "withdraw SOURCE [ROW]",
		Short: "Take an input's file or line out of use, and list all that came of it",
		Long: `Take a file of an input, or a line of one, out of use in this store. What came of it in
every run is listed: rows, answers, checkpoints, scores, and the outputs that may hold
something of it. From then on no work that read it is reused, and a run whose inputs
hold it is refused. Nothing is removed, and nothing can be taken back. SOURCE is

  INPUT/PATH        a file of an input, as runs of this store have read it, in every version
  INPUT/PATH#LINE   a line of it, as the latest run has it, wherever a file of that name has it
  SHA256            the file with that digest
  RUN ROW           a row that people judged: the line that it comes from

With --dry-run it is only listed. With -o jsonl all of the list is shown, an item a
line; with -o json it is told as an in-toto statement, which --key signs and keeps:
'gymline verify' of a run that read the source holds it against what was withdrawn.
docs/audit.md has more.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.by.reason == "" && !o.dry {
				return usage(cmd, errors.New("say why with --reason TEXT; it stays in the store for ever"))
			}
			if o.dry && o.key != "" {
				return usage(cmd, errors.New("--key signs what was withdrawn, and --dry-run withdraws nothing: leave one out"))
			}
			open := openProfile
			if o.dry {
				open = readProfile
			}
			return opened(cmd.Context(), edge, o.profile, open, func(st *store.Store) error {
				return runWithdraw(cmd.Context(), edge, st, o, args)
			})
		},
	}
	bindProfile(cmd, &o.profile)
	bindOutput(cmd, &o.output, "text", "json", "jsonl")
	o.by.bind(cmd)
	cmd.Flags().StringVar(&o.key, "key", "", "sign the statement with the private key in `FILE`, or env:NAME for the environment variable that has it")
	cmd.Flags().BoolVar(&o.dry, "dry-run", false, "list what came of it, and withdraw nothing")
	return cmd
}

func runWithdraw(ctx context.Context, edge *cli.Edge, st *store.Store, o withdrawOptions, args []string) error {
	var key crypto.Signer
	var err error
	if o.key != "" {
		if key, err = privateKey(edge, o.key); err != nil {
			return err
		}
	}
	source := args[0]
	if len(args) == 2 {
		if source, err = lineOfRow(ctx, st, args[0], args[1]); err != nil {
			return err
		}
	}
	list := io.Discard
	shown, blob := bufio.NewWriter(edge.Stdout), st.NewBlob()
	defer blob.Discard()
	if !o.dry {
		list = blob
	}
	if o.output == "jsonl" {
		list = io.MultiWriter(list, shown)
	}
	found, err := withdraw.Find(ctx, st, source, list)
	if err != nil {
		return err
	}
	found.By, found.Reason, found.At = o.by.who(edge), o.by.reason, store.Stamp(edge.Now())
	by := ""
	if !o.dry {
		if found.Affected, err = blob.Commit(ctx); err != nil {
			return err
		}
		if key != nil {
			if by, err = found.Sign(ctx, st, key); err != nil {
				return err
			}
		}
		if found.Number, err = st.AddWithdrawal(ctx, found.Withdrawal); err != nil {
			return err
		}
	}
	switch o.output {
	case "json":
		return writeJSON(edge.Stdout, found.Statement())
	case "jsonl":
		return shown.Flush()
	}
	return printWithdrawal(edge.Stdout, found, by)
}

// lineOfRow is the line of an input that a row of people's judgements is.
func lineOfRow(ctx context.Context, st *store.Store, named, row string) (string, error) {
	id, err := st.RunNamed(ctx, named)
	if err != nil {
		return "", err
	}
	v, err := lineage.Open(ctx, st, id)
	if err != nil {
		return "", err
	}
	line, from, gym := "", []string{}, false
	err = v.Walk(ctx, row, lineage.Options{Up: true}, func(l *lineage.Link) error {
		gym = gym || l.Kind == lineage.Turn || l.Kind == lineage.Session || l.Kind == lineage.Scene
		if l.Kind == lineage.Input {
			from = append(from, l.ID)
			if line == "" || l.How == "taught by" {
				line = l.ID
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case gym:
		return "", fault.New(fault.Usage, fmt.Errorf("%s was written by models, and a run would write it again", row),
			"withdraw what it was written from: "+strings.Join(from[:min(len(from), 3)], ", ")+"; or leave it out by another seed")
	case line == "":
		return "", fault.New(fault.Usage, fmt.Errorf("%s comes from no line of an input", row), "")
	}
	return line, nil
}

func printWithdrawal(w io.Writer, f *withdraw.Found, by string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", f.Source, text.Plural(len(f.Files), "file"))
	for _, d := range f.Files {
		fmt.Fprintf(&b, "  %s\n", d)
	}
	if len(f.Counts) == 0 {
		b.WriteString("nothing came of it\n")
	}
	for _, c := range f.Counts {
		fmt.Fprintf(&b, "%s\n", c.Run)
		for _, kind := range slices.Sorted(maps.Keys(c.Kind)) {
			fmt.Fprintf(&b, "  %s\n", text.Plural(c.Kind[kind], kind))
		}
	}
	if f.Number > 0 {
		fmt.Fprintf(&b, "withdrawn: number %d, by %s: %s\nlist %s\n", f.Number, text.Line(f.By), text.Line(f.Reason), f.Affected)
	}
	if by != "" {
		fmt.Fprintf(&b, "signed by %s\n", by)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// withdrawn are the withdrawals that runs have read something of, by run.
func withdrawn(ctx context.Context, st *store.Store) (map[store.RunID][]store.Withdrawal, error) {
	list, err := st.Withdrawals(ctx)
	by := map[store.RunID][]store.Withdrawal{}
	for _, w := range list {
		for _, id := range w.Runs {
			by[id] = append(by[id], w)
		}
	}
	return by, err
}
