package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/audit/stamp"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/text"
)

// A time stamp of RFC 3161 is asked for by whoever has the network: these write the question
// and take the answer.

// writeRequest writes the request over the signature that a key made.
func (o signOptions) writeRequest(ctx context.Context, edge *cli.Edge, st *store.Store, id store.RunID, by string) error {
	if o.request == "" {
		return nil
	}
	list, err := sign.Envelopes(ctx, st, id)
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Signatures[0].KeyID != by {
			continue
		}
		query, err := stamp.Request(e.Raw())
		if err == nil {
			err = os.WriteFile(filepath.Clean(o.request), query, 0o600)
		}
		if err != nil {
			return fault.New(fault.Usage, err, "give a file that you may write")
		}
		_, err = fmt.Fprintf(edge.Stdout, "  request %s\n", text.Line(o.request))
		return err
	}
	return fmt.Errorf("run %s: its signature by %s cannot be read", id, by)
}

// runStamp adds a time stamp to the signature that it is over.
func runStamp(ctx context.Context, edge *cli.Edge, o signOptions) error {
	data, err := os.ReadFile(filepath.Clean(o.stamp))
	if err != nil {
		return fault.New(fault.Usage, err, "give the file of the authority's answer")
	}
	t, err := stamp.Parse(data)
	if err != nil {
		return fault.New(fault.Permanent, fmt.Errorf("%s: %w", o.stamp, err), "send what --timestamp-request wrote to the authority again")
	}
	return opened(ctx, edge, o.profile, openProfile, func(st *store.Store) error {
		runs := registry(edge, st)
		o.who.sign(edge, &runs)
		id, err := st.RunNamed(ctx, o.runs[0])
		if err != nil {
			return err
		}
		list, err := sign.Envelopes(ctx, st, id)
		if err != nil {
			return err
		}
		for _, e := range list {
			if !t.Over(e.Raw()) {
				continue
			}
			record, err := t.RecordOf(e.Raw())
			if err != nil {
				return err
			}
			added, err := sign.Add(ctx, st, id, record)
			if err == nil && added {
				err = runs.Act(ctx, id, store.Stamped, "")
			}
			if err == nil {
				_, err = fmt.Fprintf(edge.Stdout, "%s  time stamp %s by %s\n  over the signature by %s\n", id, t.Time.UTC().Format(time.RFC3339), text.Line(t.Signer()), text.Line(e.Signatures[0].KeyID))
			}
			return err
		}
		return fault.New(fault.Permanent, fmt.Errorf("%s is over none of the %s of run %s", o.stamp, text.Plural(len(list), "signature"), id), "'gymline sign --timestamp-request' writes the request over one")
	})
}

// stampRoots reads authorities' certificates; nil: no file is named.
func stampRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // none are wanted
	}
	data, err := os.ReadFile(filepath.Clean(file))
	var pool *x509.CertPool
	if err == nil {
		pool, err = stamp.Roots(data)
	}
	if err != nil {
		return nil, fault.New(fault.Config, fmt.Errorf("--tsa-roots: %w", err), "give the authority's root certificates in PEM")
	}
	return pool, nil
}
