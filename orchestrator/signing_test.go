package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gymline/gymline/internal/audit/sign"
	"github.com/gymline/gymline/internal/audit/verify"
	"github.com/gymline/gymline/internal/fault"
	"github.com/gymline/gymline/internal/run"
	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/folder"
)

// On a cluster the pod that opens a run refuses one that could not be signed, and leaves
// why; the one that seals it signs it, however it ended and however often it is tried; and
// without the key it seals the run all the same, and says that it is not signed.
func TestWhoSealsSigns(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.output("run", filepath.Join(repo(t), "configs", "quickstart.yaml"), "--set", "generate.scenes.count=2")
	bucket, err := folder.Open(filepath.Join(l.dir, ".gymline"))
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	runs := run.Registry{Store: store.New(bucket), Now: time.Now}
	head, err := run.ReadHead(t.Context(), runs.Store, "quickstart-1")
	ok(err)
	_, p, err := run.DraftOf(t.Context(), runs.Store, head.Run)
	ok(err)
	d, err := run.NewDraft(p, head.Inputs, run.Execution{SignEnv: "TEAM_KEY"}, false)
	ok(err)
	digest, err := d.Put(t.Context(), runs.Store)
	ok(err)
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	private, _, err := sign.Encode(key)
	ok(err)
	l.env = append(l.env, envFolder+"="+filepath.Join(l.dir, ".gymline"))
	keyed := l
	keyed.env = append(keyed.env, "TEAM_KEY="+string(private))

	pod := func(l lab, want int, args ...string) string {
		t.Helper()
		cmd := l.command(append(args, "--draft", string(digest))...)
		var said bytes.Buffer
		cmd.Stderr = &said
		_ = cmd.Run()
		if cmd.ProcessState.ExitCode() != want {
			t.Errorf("%s: exit code %d, want %d: %s", args, cmd.ProcessState.ExitCode(), want, said.String())
		}
		return said.String()
	}
	verified := func(id store.RunID, state string) {
		t.Helper()
		r, err := verify.Run(t.Context(), runs.Store, id, verify.Options{Version: version(), Formats: formats, Keys: []crypto.PublicKey{key.Public()}})
		if err != nil || len(r.Problems) > 0 || len(r.SignedBy) != 1 || r.State != state {
			t.Errorf("%s: %+v, %v", id, r, err)
		}
	}

	if said := pod(l, fault.Config, "open", "--run", "quickstart-7"); !strings.Contains(said, "the variable TEAM_KEY is not set") {
		t.Error(said)
	}
	if said := pod(l, fault.Config, "seal", "--run", "quickstart-7", "--status", "Failed"); !strings.Contains(said, "run quickstart-7 is sealed and not signed: ") {
		t.Error(said)
	}
	head, err = run.ReadHead(t.Context(), runs.Store, "quickstart-7")
	if err != nil || head.State != store.Failed || len(head.Failures) != 1 || !strings.Contains(head.Failures[0].Cause, "the variable TEAM_KEY is not set") || head.Failures[0].ExitCode != fault.Config {
		t.Errorf("%+v, %v", head, err)
	}
	pod(keyed, fault.OK, "seal", "--run", "quickstart-7", "--status", "Failed") // it is tried again
	verified("quickstart-7", store.Failed)

	pod(keyed, fault.OK, "open", "--run", "quickstart-8")
	ok(runs.TakeOver(t.Context(), p, "quickstart-1", "quickstart-8"))
	for range 2 {
		pod(keyed, fault.OK, "seal", "--run", "quickstart-8", "--status", "Succeeded")
	}
	verified("quickstart-8", store.Succeeded)
	if acts, err := runs.Acts(t.Context(), "quickstart-8"); err != nil || len(acts) != 1 || acts[0].Act != store.Signed {
		t.Errorf("%+v, %v", acts, err)
	}
}
