package experiment

import (
	"errors"
	"testing"

	"github.com/gymline/gymline/internal/fault"
)

func TestCheckTogether(t *testing.T) {
	profile := func(file string) *Profile {
		p, err := LoadProfile(file, []byte(read(t, file)))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	batching := func(names ...string) *Profile {
		p := DefaultProfile()
		p.Metadata.Name, p.Spec.Batch = "batching", map[string]Batch{}
		for _, name := range names {
			p.Spec.Batch[name] = Batch{}
		}
		return p
	}
	local, argo := DefaultProfile(), profile("testdata/good/profile-argo-minimal.yaml")
	const train = "testdata/good/train.yaml"
	for _, tt := range []struct {
		name string
		e    *Experiment
		p    *Profile
		want string
	}{
		{"local", load(t, train, Options{}), local, "" +
			"train-1: spec.train.cluster.trainJob: runs on the engine argo, and the profile's is local; use command or external, or a profile with the engine argo\n" +
			"train-1: spec.train.image.container: runs on the engine argo, and the profile's is local; use command or external, or a profile with the engine argo"},
		// The key of the model that no section uses is not wanted.
		{"argo", load(t, train, Options{}), argo, "" +
			"train-1: spec.train.here.command: runs on the engine local, and the profile's is argo; use container, trainJob or external\n" +
			"argo-minimal: spec.argo.secrets.SERVED_API_KEY: is missing, and the model served of train-1 names it; add it, with the name of a Kubernetes Secret and a key within it\n" +
			"argo-minimal: spec.argo.trainerKeys: is missing, and the training cluster of train-1 is a trainJob, whose pods are never given the store's own keys; " + trainerEntry},
		{"a key that two models share", load(t, train, Options{Set: []string{"train.here=null", "train.cluster=null", "evaluate.candidates[2]=null", "models.unused.apiKey.env=SERVED_API_KEY", "evaluate.judge.model=unused"}}), argo,
			"argo-minimal: spec.argo.secrets.SERVED_API_KEY: is missing, and the model served of train-1 names it; add it, with the name of a Kubernetes Secret and a key within it"},
		{"the models of generate", load(t, "testdata/good/full.yaml", Options{Set: []string{"evaluate=null"}}), argo,
			"argo-minimal: spec.argo.secrets.OPENAI_API_KEY: is missing, and the model large of full-1 names it; add it, with the name of a Kubernetes Secret and a key within it"},
		{"a key that is there", load(t, "testdata/good/full.yaml", Options{}), profile("testdata/good/profile-argo.yaml"), ""},
		{"a local key", load(t, "testdata/good/full.yaml", Options{}), local, ""},
		{"a batch of models that are not there", load(t, "testdata/good/full.yaml", Options{}), batching("lagre", "sim", "nothing like it"), "" +
			"batching: spec.batch.lagre: names a model that the experiment full-1 does not have; did you mean large?\n" +
			"batching: spec.batch.nothing like it: names a model that the experiment full-1 does not have; remove it, or use a profile without it\n" +
			"batching: spec.batch.sim: names a stand-in, which has no Batch API; remove it, or use a profile without it"},
		{"a batch", load(t, "testdata/good/full.yaml", Options{}), batching("large"), ""},
		{"external on argo", load(t, "testdata/good/schedule.yaml", Options{}), argo, ""},
		{"external here", load(t, "testdata/good/schedule.yaml", Options{}), local, ""},
		{"command here", load(t, train, Options{Set: []string{"train.cluster=null", "train.image=null", "evaluate.candidates[2]=null"}}), local, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckTogether(tt.e, tt.p)
			if err == nil {
				if tt.want != "" {
					t.Errorf("no error, want\n%s", tt.want)
				}
				return
			}
			if err.Error() != tt.want {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
			var problems Problems
			if fault.Code(err) != fault.Config || !errors.As(err, &problems) {
				t.Fatalf("%T with exit code %d", err, fault.Code(err))
			}
			for _, p := range problems {
				if p.File == "" || p.Path == "" || p.Message == "" || p.Fix == "" {
					t.Errorf("incomplete: %+v", p)
				}
			}
		})
	}
}

// TestShippedTogether holds that the shipped experiments run on the shipped cluster.
func TestShippedTogether(t *testing.T) {
	const file = "../../configs/profiles/argo.yaml"
	p, err := LoadProfile(file, []byte(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range glob(t, "../../configs/*.yaml") {
		if err := CheckTogether(load(t, file, Options{}), p); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
