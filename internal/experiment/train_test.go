package experiment

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// TestTrain holds each kind of training, with the defaults of what it leaves out.
func TestTrain(t *testing.T) {
	e := load(t, "testdata/good/train.yaml", Options{})
	day := Duration(24 * time.Hour)
	want := map[string]Train{
		"by-hand": {Base: "Qwen/Qwen2.5-0.5B-Instruct", Deadline: 7 * day, External: true},
		"here":    {Deadline: 3 * day, Command: []string{"python3", "train.py", "--set", "agent", "--set", "reward"}},
		"image": {Deadline: Duration(time.Second), Container: &Container{
			Image:   "example.com:5000/team/train_er@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
			Command: []string{"/train", "--epochs", "3"},
		}},
		"cluster": {Deadline: 3 * day, TrainJob: &TrainJob{
			Runtime: "torch-distributed", Image: "trainer:v1.2.3", Command: []string{"torchrun", "train.py"}, Nodes: 4,
		}},
	}
	if !reflect.DeepEqual(e.Spec.Train, want) {
		t.Errorf("train %+v\nwant %+v", e.Spec.Train, want)
	}
	if c := e.Spec.Evaluate.Candidates; c[0].Checkpoint != "" || c[1].Checkpoint != "by-hand" || c[2].Checkpoint != "cluster" {
		t.Errorf("candidates %+v", c)
	}
	schedule := Schedule{
		Cron:     []string{"0 3 * * *", "*/30  8-18/2 1,15 jan-JUN MON-fri", "0 0 29 2 *"},
		Timezone: "America/Argentina/Buenos_Aires", StartingDeadline: Duration(90 * time.Minute),
	}
	if !reflect.DeepEqual(*e.Spec.Schedule, schedule) {
		t.Errorf("schedule %+v\nwant %+v", *e.Spec.Schedule, schedule)
	}
}

// TestTrainDefaults holds the JSON that digests are taken over.
func TestTrainDefaults(t *testing.T) {
	e := load(t, "testdata/good/schedule.yaml", Options{Set: []string{
		"train.job.trainJob={runtime: r, image: 'i:t', command: [c]}",
	}})
	for _, part := range []struct {
		value any
		want  string
	}{
		{e.Spec.Train["agent"], `{"deadline":"72h0m0s","external":true}`},
		{e.Spec.Train["job"], `{"deadline":"72h0m0s","trainJob":{"runtime":"r","image":"i:t","command":["c"],"nodes":1}}`},
		{e.Spec.Schedule, `{"cron":["0 3 * * *"],"timezone":"UTC","startingDeadline":"1h0m0s"}`},
	} {
		if got, err := json.Marshal(part.value); err != nil || string(got) != part.want {
			t.Errorf("%s, %v\nwant %s", got, err, part.want)
		}
	}
}

func TestProfileArgo(t *testing.T) {
	argo := func(file string) *Argo {
		p, err := LoadProfile(file, []byte(read(t, file)))
		if err != nil {
			t.Fatal(err)
		}
		if p.Spec.Engine != EngineArgo {
			t.Errorf("%s: engine %s", file, p.Spec.Engine)
		}
		return p.Spec.Argo
	}
	want := &Argo{
		Namespace: "team-a", Context: "admin@cluster.example.com",
		Image:      "example.com/team/gymline:v0.1.0@sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
		PullPolicy: "Always", StoreEndpoint: "http://minio.team-a.svc:9000", ServiceAccount: "job", ExecutorServiceAccount: "executor",
		Secrets: map[string]KubeSecret{
			"MINIO_ACCESS_KEY":      {Name: "store.team-a", Key: "access_key"},
			"AWS_SECRET_ACCESS_KEY": {Name: "store.team-a", Key: ".secret-key"},
			"OPENAI_API_KEY":        {Name: "models", Key: "OpenAI"},
		},
		TrainerKeys: &TrainerKeys{
			AccessKey: KubeSecret{Name: "trainer.team-a", Key: "access_key"}, SecretKey: KubeSecret{Name: "trainer.team-a", Key: "secret_key"},
			SessionToken: &KubeSecret{Name: "trainer.team-a", Key: "token"},
		},
		Pods: 20, Deadline: Duration(36 * time.Hour), HandOff: "suspend",
		Resources: map[string]Resources{
			"default": {Requests: map[string]string{"cpu": "500m", "memory": "256Mi"}, Limits: map[string]string{"cpu": "0.5", "memory": "1.5Gi"}},
			"generate": {
				Requests: map[string]string{"cpu": "2", "ephemeral-storage": "1e9", "hugepages-2Mi": "4Mi"},
				Limits:   map[string]string{"cpu": "2000m", "memory": "1000M", "example.com/fpga": "1"},
			},
			"train-image": {Requests: map[string]string{"nvidia.com/gpu": "1"}, Limits: map[string]string{"nvidia.com/gpu": "1"}},
		},
	}
	if got := argo("testdata/good/profile-argo.yaml"); !reflect.DeepEqual(got, want) {
		t.Errorf("argo %+v\nwant %+v", got, want)
	}
	want = &Argo{
		Namespace: "gymline", Image: "gymline:dev", PullPolicy: "IfNotPresent",
		ServiceAccount: "gymline-job", ExecutorServiceAccount: "gymline-executor",
		Secrets: map[string]KubeSecret{"KEY": {Name: "store", Key: "key"}},
		Pods:    200, Deadline: Duration(24 * time.Hour), HandOff: "poll",
	}
	if got := argo("testdata/good/profile-argo-minimal.yaml"); !reflect.DeepEqual(got, want) {
		t.Errorf("minimal argo %+v\nwant %+v", got, want)
	}
}
