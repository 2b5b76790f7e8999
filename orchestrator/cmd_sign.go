package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/cli"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/store"
)

func newKeygen(edge *cli.Edge) *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make a key that signs runs: FILE is private, FILE.pub for everybody",
		Long: `Make a key pair: FILE gets the private key, PKCS #8 in PEM, readable by you alone, and
FILE.pub the public one, SPKI in PEM. No file is replaced. A key of the kind p256 also
signs exports and checkpoints as models, which Ed25519 cannot.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if kind != kindEd25519 && kind != kindP256 {
				return usage(cmd, fmt.Errorf("--kind %s: want %s or %s", kind, kindEd25519, kindP256))
			}
			return runKeygen(edge, kind, args[0])
		},
	}
	cmd.Flags().StringVar(&kind, "kind", kindEd25519, "`KIND` of the key: ed25519, or p256, which is ECDSA on NIST's curve P-256")
	return cmd
}

// Kinds of keys that are made.
const kindEd25519, kindP256 = "ed25519", "p256"

// newKey makes a key of the system's randomness.
func newKey(kind string) (crypto.Signer, error) {
	if kind == kindP256 {
		return ecdsa.GenerateKey(elliptic.P256(), nil)
	}
	_, key, err := ed25519.GenerateKey(nil)
	return key, err
}

func runKeygen(edge *cli.Edge, kind, file string) error {
	key, err := newKey(kind)
	if err != nil {
		return err
	}
	private, public, err := sign.Encode(key)
	if err != nil {
		return err
	}
	err = writeNew(file, private)
	if err == nil {
		if err = writeNew(file+".pub", public); err != nil {
			err = errors.Join(err, os.Remove(file))
		}
	}
	if err != nil {
		return fault.New(fault.Usage, err, "give a file that is not there, in a folder that you may write to")
	}
	id, err := sign.ID(key.Public())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(edge.Stdout, "key %s\nprivate %s\npublic  %s.pub\n", id, file, file)
	return err
}

// writeNew writes a file that was not there, for its owner alone.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(filepath.Clean(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

type signOptions struct {
	profile, key   string
	request, stamp string // files
	who            whoFlags
	runs           []string
}

func newSign(edge *cli.Edge) *cobra.Command {
	var o signOptions
	cmd := &cobra.Command{
		Use:   "sign RUN… [--key FILE | --timestamp FILE]",
		Short: "Sign sealed runs",
		Long: `Sign runs that have ended: an in-toto statement with SLSA's provenance, over the seal,
which binds every record, and over exports and checkpoints, in a DSSE envelope that is
stored beside the run. A key on a curve of NIST's ('gymline keygen --kind p256') also signs
each export and checkpoint as a model, as OpenSSF Model Signing 1.0 says: 'gymline fetch'
writes the bundle beside the files, as model.sig. A run may have several signatures.

A time-stamping authority (RFC 3161) can say when a signature was there: --timestamp-request
writes what it is sent, and --timestamp adds what it answers; gymline itself sends nothing.
'gymline verify --key' holds them against the run as it is.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.runs = args
			switch {
			case (o.request != "" || o.stamp != "") && len(args) > 1:
				return usage(cmd, errors.New("a time stamp is of one run: give one RUN"))
			case o.stamp != "" && (o.key != "" || o.request != ""):
				return usage(cmd, errors.New("--timestamp adds the time stamp to the signature that it is over: leave out --key and --timestamp-request"))
			case o.stamp != "":
				return runStamp(cmd.Context(), edge, o)
			case o.key == "":
				return usage(cmd, errors.New("with which key? give --key"))
			}
			return runSign(cmd.Context(), edge, o)
		},
	}
	bindProfile(cmd, &o.profile)
	o.who.bind(cmd)
	cmd.Flags().StringVar(&o.key, "key", "", "`FILE` of the private key, or env:NAME for the environment variable that has it")
	cmd.Flags().StringVar(&o.request, "timestamp-request", "", "`FILE` to write the request for a time stamp over the signature into, application/timestamp-query")
	cmd.Flags().StringVar(&o.stamp, "timestamp", "", "`FILE` of the authority's answer, application/timestamp-reply")
	return cmd
}

func runSign(ctx context.Context, edge *cli.Edge, o signOptions) error {
	key, err := privateKey(edge, o.key)
	if err != nil {
		return err
	}
	return opened(ctx, edge, o.profile, openProfile, func(st *store.Store) error {
		runs := registry(edge, st)
		o.who.sign(edge, &runs)
		for _, named := range o.runs {
			id, err := st.RunNamed(ctx, named)
			if err != nil {
				return err
			}
			by, models, err := signRun(ctx, runs, id, key)
			if err != nil {
				return err
			}
			fmt.Fprintf(edge.Stdout, "%s  signed by %s\n", id, by)
			if len(models) > 0 {
				fmt.Fprintf(edge.Stdout, "  model.sig over %s\n", strings.Join(models, ", "))
			}
			if err := o.writeRequest(ctx, edge, st, id, by); err != nil {
				return err
			}
		}
		return nil
	})
}

// privateKey reads a key from a file, or as env:NAME from the environment.
func privateKey(edge *cli.Edge, from string) (crypto.Signer, error) {
	if name, env := strings.CutPrefix(from, "env:"); env {
		return keyFromEnv(edge, name, "--key "+from)
	}
	text, err := os.ReadFile(filepath.Clean(from))
	if err != nil {
		return nil, fault.New(fault.Config, err, "make one with 'gymline keygen FILE'")
	}
	key, err := sign.Private(text)
	return key, fault.New(fault.Config, err, "make one with 'gymline keygen FILE'")
}

func publicKeys(files []string) (keys []crypto.PublicKey, err error) {
	for _, file := range files {
		data, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			return nil, fault.New(fault.Config, err, "give the file of a public key")
		}
		key, err := sign.Public(data)
		if err != nil {
			return nil, fault.New(fault.Config, fmt.Errorf("%s: %w", file, err), "give the .pub file that 'gymline keygen' wrote")
		}
		keys = append(keys, key)
	}
	return keys, nil
}
