package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/audit/pack"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

func newPack(edge *cli.Edge) *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use:   "pack RUN FILE",
		Short: "Write a whole run into one archive",
		Long: `Write a whole run into one archive, a tar file: its records, signatures and binding,
all blobs and exports, and the recorded exchanges with models that it needs. What is
packed is verified on the way. The same run gives the same bytes. FILE is written
under another name and then renamed; - is standard output.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPack(cmd.Context(), edge, profile, args[0], args[1])
		},
	}
	bindProfile(cmd, &profile)
	return cmd
}

func newUnpack(edge *cli.Edge) *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use:   "unpack FILE",
		Short: "Store the run of an archive, verified",
		Long: `Store the run of an archive that 'gymline pack' wrote, in any store: every byte is
verified before it is stored. What the store has already is left, so that after a cut
the same command goes on. A run of the same name with other content is refused, and
nothing is replaced. Finished work of the run is reused from now on, and so are its
recorded answers: unpack what you trust. - is standard input.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUnpack(cmd.Context(), edge, profile, args[0])
		},
	}
	bindProfile(cmd, &profile)
	return cmd
}

func runPack(ctx context.Context, edge *cli.Edge, profile, named, file string) error {
	if file == "-" && edge.Shown {
		return fault.New(fault.Usage, errors.New("standard output is a terminal, and an archive is none of its texts"), "give a file, or a pipe")
	}
	return reading(ctx, edge, profile, func(st *store.Store) error {
		id, err := st.RunNamed(ctx, named)
		if err != nil {
			return err
		}
		head, err := run.ReadHead(ctx, st, id)
		if err != nil {
			return err
		}
		if standing, err := run.StandingOf(ctx, st, head, edge.Now()); err != nil || standing == run.Running || standing == run.Unsealed {
			return errors.Join(err, fault.New(fault.Usage, fmt.Errorf("run %s is under way", id), "pack it when it has ended"))
		}
		done, err := toFile(edge, file, func(w io.Writer) (pack.Packed, error) { return pack.Pack(ctx, st, id, w) })
		if err != nil {
			return packed(err)
		}
		fmt.Fprintf(edge.Stderr, "Packed %s: %s, %s\n", id, text.Plural(done.Objects, "object"), text.Bytes(done.Bytes))
		return nil
	})
}

// toFile gives fn a file that has its name once it is whole. One that is there stays.
func toFile(edge *cli.Edge, name string, fn func(io.Writer) (pack.Packed, error)) (done pack.Packed, err error) {
	if name == "-" {
		return fn(edge.Data())
	}
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return done, fault.New(fault.Usage, errors.Join(err, fmt.Errorf("%s is there already", name)), "give a name that is free, or remove that file")
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".gymline-pack-*")
	if err != nil {
		return done, fault.New(fault.Usage, err, "give a file in a folder that this user may write to")
	}
	defer os.Remove(f.Name()) // fails where it was renamed
	w := bufio.NewWriterSize(f, 1<<20)
	done, err = fn(w)
	if err == nil {
		err = errors.Join(w.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	return done, err
}

func runUnpack(ctx context.Context, edge *cli.Edge, profile, file string) error {
	in := edge.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return fault.New(fault.Usage, err, "give the archive that 'gymline pack' wrote")
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return fault.New(fault.Usage, fmt.Errorf("%s is a directory, and no archive", file), "give the archive that 'gymline pack' wrote")
		}
		in = f
	}
	return opened(ctx, edge, profile, openProfile, func(st *store.Store) error {
		done, err := pack.Unpack(ctx, st, bufio.NewReaderSize(in, 1<<20))
		if err != nil {
			return unpacked(file, err)
		}
		fmt.Fprintf(edge.Stderr, "Unpacked %s: %s, %s; %s there already\n", done.Run, text.Plural(done.Objects, "object"), text.Bytes(done.Bytes), text.Count(done.There))
		return nil
	})
}

// packed says what to do about what went wrong when a run was packed.
func packed(err error) error {
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.Permanent, err, "restore what is damaged or absent from where it is whole")
	}
	return err
}

// unpacked says what to do about what went wrong with an archive.
func unpacked(file string, err error) error {
	switch {
	case errors.Is(err, pack.ErrNone):
		return fault.New(fault.Usage, fmt.Errorf("%s: %w", file, err), "give the archive that 'gymline pack' wrote")
	case errors.Is(err, pack.ErrCut):
		return fault.New(fault.Permanent, err, "copy the archive again, and unpack it")
	case errors.Is(err, pack.ErrOther):
		return fault.New(fault.Permanent, err, "unpack it into another store: the profile names it")
	case errors.Is(err, pack.ErrRefused):
		return fault.New(fault.Permanent, err, "ask who made the archive; the run, packed again where it is whole, has no such thing")
	case errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrNotFound):
		return fault.New(fault.Permanent, err, "copy the archive again, or have the run packed again where it is whole")
	}
	return err
}
