package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gymline/gymline/internal/audit/oms"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/text"
)

// maxBundle bounds what is read of a bundle: some 200 bytes a file.
const maxBundle = 64 << 20

// verifyFolder holds a folder's files against the bundle beside them, whoever wrote both.
func verifyFolder(ctx context.Context, edge *cli.Edge, o verifyOptions) error {
	keys, err := publicKeys(o.keys)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(o.folder)
	if err != nil {
		return fault.New(fault.Usage, err, "give a folder that 'gymline fetch' wrote")
	}
	defer root.Close()
	data, name, err := readBundle(root)
	if err != nil {
		return err
	}
	b, err := oms.Read(data)
	if err != nil {
		return fault.New(fault.Permanent, fmt.Errorf("%s/%s: %w", o.folder, name, err), "")
	}
	for i, key := range keys {
		if !b.By(key) {
			return fault.New(fault.Permanent, fmt.Errorf("%s/%s is not by the key %s: it says that it is by the one whose PEM has the sha256 %s", o.folder, name, o.keys[i], text.Line(b.Hint())), "")
		}
	}
	list, err := b.Folder(ctx, root.FS(), name)
	if err != nil {
		return fmt.Errorf("%s: %w", o.folder, err)
	}
	if len(list) == 0 {
		fmt.Fprintf(edge.Stdout, "%s  as signed: %s of %s\n", text.Line(o.folder), text.Plural(len(b.Statement.Predicate.Resources), "file"), text.Line(b.Name()))
		return nil
	}
	for _, d := range list {
		fmt.Fprintf(edge.Stdout, "  %s\n    expected %s\n    found    %s\n", text.Line(d.Path), text.Line(d.Expected), text.Line(d.Found))
	}
	return fault.New(fault.Permanent, fmt.Errorf("%s: %s not as signed", o.folder, text.Plural(len(list), "file")), "")
}

// readBundle reads the bundle beside a set of files.
func readBundle(root *os.Root) (data []byte, name string, err error) {
	for _, name := range []string{oms.OwnSignature, oms.Signature} { // a set that has the one is signed by the other
		info, err := root.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Size() > maxBundle {
			err = fmt.Errorf("%s has %s, which no signature has", name, text.Bytes(info.Size()))
		}
		if err == nil {
			data, err = root.ReadFile(name)
		}
		return data, name, fault.New(fault.Permanent, err, "")
	}
	return nil, "", fault.New(fault.Permanent, fmt.Errorf("%s has no %s", root.Name(), oms.Signature), "sign the run with a key of the kind p256, and fetch the files again")
}
