package experiment

import (
	"encoding/json"
	"time"

	"github.com/gymline/gymline/internal/llm"
)

// The engines.
const (
	EngineLocal = "local"
	EngineArgo  = "argo"
)

// A Profile is where and how fast experiments run. It changes no artifact.
type Profile struct {
	_          struct{}    `doc:"A profile says where experiments run and how fast. The same experiment gives the same artifacts under any profile. Commands take it as --profile, or from the environment variable GYMLINE_PROFILE."`
	APIVersion string      `json:"apiVersion" required:"true" enum:"gymline/v1alpha1" doc:"Version of the file's format."`
	Kind       string      `json:"kind" required:"true" enum:"Profile" doc:"Kind of file."`
	Metadata   Metadata    `json:"metadata" required:"true" doc:"What the profile is called."`
	Spec       ProfileSpec `json:"spec" required:"true" doc:"Where and how fast; {} is the default of every field."`
}

// ProfileSpec is a profile's content.
type ProfileSpec struct {
	_           struct{}          `doc:"Where and how fast."`
	Store       Storage           `json:"store" doc:"Where artifacts are kept; the folder .gymline unless given."`
	Engine      string            `json:"engine" default:"local" enum:"local,argo" doc:"What runs the steps: this machine, or Argo Workflows on Kubernetes."`
	Argo        *Argo             `json:"argo,omitempty" when:"engine=argo" required:"true" doc:"Where on Kubernetes."`
	Parallelism Parallelism       `json:"parallelism" doc:"How much is done at once."`
	Retries     Retries           `json:"retries" doc:"What happens when the store, the network or a provider fails for a while."`
	Limits      map[string]Limits `json:"limits,omitempty" keys:"name" doc:"Bounds on the calls to a model, by its name in the experiment."`
	Batch       map[string]Batch  `json:"batch,omitempty" keys:"name" doc:"Models, by their name in the experiment, that are asked through their provider's Batch API."`
	Notify      []Notify          `json:"notify,omitempty" doc:"Webhooks that are told when a run needs somebody; docs/notify.md has what they are sent."`
	Sign        *Sign             `json:"sign,omitempty" doc:"Signs every run at its end; docs/audit.md has what is signed. Runs are not signed unless given."`
}

// Sign is what signs runs.
type Sign struct {
	_   struct{}  `doc:"What signs every run at its end."`
	Key SecretRef `json:"key" required:"true" doc:"The private key, as gymline keygen writes it: its text, by reference."`
}

// Notify is a webhook.
type Notify struct {
	_      struct{}   `doc:"A webhook, which is told when a run needs somebody."`
	Format string     `json:"format" required:"true" enum:"slack,cloudevents" doc:"What it is sent: Slack's message, which other chats take too, or a CloudEvent."`
	URL    SecretRef  `json:"url" required:"true" doc:"Its address, by reference, since who knows it can write there."`
	Secret *SecretRef `json:"secret,omitempty" doc:"What messages are signed with, by reference; they are not signed unless given."`
	On     []string   `json:"on" default:"failed,gate,budget,waiting" enum:"failed,gate,budget,waiting" doc:"When: a run failed, broke its gate, used up its budget, or waits for a checkpoint from outside."`
}

// Storage is exactly one of its fields.
type Storage struct {
	_        struct{} `doc:"Where artifacts are kept." exactly:"folder,s3,embedded"`
	Folder   *Folder  `json:"folder,omitempty" doc:"A plain folder, which any number of gymline's processes on this machine use at once."`
	S3       *S3      `json:"s3,omitempty" doc:"A MinIO or other S3 server, which machines share."`
	Embedded *Folder  `json:"embedded,omitempty" doc:"The former name of folder, with the same meaning."`
}

// Folder is a store of this machine.
type Folder struct {
	_    struct{} `doc:"A folder of this machine."`
	Path string   `json:"path" default:".gymline" rule:"text" doc:"Where it is; a relative one is under the working directory. It is made when absent."`
}

// S3 addresses a bucket.
type S3 struct {
	_            struct{}   `doc:"A bucket of an S3 server."`
	Endpoint     string     `json:"endpoint" required:"true" rule:"endpoint" doc:"URL of the server, without a path."`
	Bucket       string     `json:"bucket" required:"true" rule:"bucket" doc:"Name of the bucket."`
	Prefix       string     `json:"prefix" default:"" rule:"prefix" doc:"Put before every key, so that a bucket can be shared."`
	Region       string     `json:"region" default:"us-east-1" rule:"text" doc:"The server's region."`
	AccessKey    *SecretRef `json:"accessKey,omitempty" doc:"The access key's ID, by reference. Without both keys they are found where S3 clients look: AWS_ACCESS_KEY_ID and its like, the credentials file, the web identity or role of the machine or pod."`
	SecretKey    *SecretRef `json:"secretKey,omitempty" doc:"The secret key, by reference."`
	SessionToken *SecretRef `json:"sessionToken,omitempty" doc:"The session token of temporary keys, by reference; AWS_SESSION_TOKEN unless given, where AWS_ACCESS_KEY_ID is not another key's."`
}

// Argo is a namespace of a Kubernetes cluster with Argo Workflows.
type Argo struct {
	_                      struct{}              `doc:"A namespace of a Kubernetes cluster with Argo Workflows. The cluster itself is the one that kubectl would talk to."`
	Namespace              string                `json:"namespace" required:"true" rule:"label" doc:"Namespace of the workflows."`
	Context                string                `json:"context,omitempty" rule:"text" doc:"Context of the kubeconfig; the current one unless given."`
	Image                  string                `json:"image" required:"true" rule:"image" doc:"Reference of gymline's image."`
	PullPolicy             string                `json:"pullPolicy" default:"IfNotPresent" enum:"IfNotPresent,Always,Never" doc:"When nodes fetch images."`
	StoreEndpoint          string                `json:"storeEndpoint,omitempty" rule:"endpoint" doc:"URL of the store's server as pods reach it; the store's own endpoint unless given."`
	ServiceAccount         string                `json:"serviceAccount" default:"gymline-job" rule:"label" doc:"Service account of the pods; its token is mounted nowhere."`
	ExecutorServiceAccount string                `json:"executorServiceAccount" default:"gymline-executor" rule:"label" doc:"Service account of Argo's own container in each pod."`
	Secrets                map[string]KubeSecret `json:"secrets" required:"true" keys:"env" doc:"For each environment variable that the store, the models, the webhooks and sign name, or docs/opentelemetry.md does: where pods find it."`
	TrainerKeys            *TrainerKeys          `json:"trainerKeys,omitempty" doc:"The store's keys that the pods of a trainJob get in place of the store's own; an experiment with a trainJob needs them."`
	Pods                   int                   `json:"pods" default:"200" min:"1" max:"1000" doc:"Pods of one step, at most; a step with more shards gives each pod several, one after another. How many run at once is parallelism.shards."`
	Deadline               Duration              `json:"deadline" default:"24h" min:"1m" max:"8760h" doc:"Longest life of a pod. A pod that waits for a checkpoint lives as long as its training's deadline instead."`
	HandOff                string                `json:"handOff" default:"poll" enum:"poll,suspend" doc:"How an external checkpoint is awaited: by a small pod that looks into the store every ten seconds, or by a suspended workflow without a pod, which gymline checkpoint put or gymline resume sets going again."`
	Resources              map[string]Resources  `json:"resources,omitempty" keys:"label" doc:"Resources of a step's pods, by the step's name; the entry default is for all others. Those of a container training are its trainer's, whose job has those of default."`
	Scratch                map[string]string     `json:"scratch,omitempty" keys:"label" rule:"quantity" doc:"Room on the node's disk for the temporary files of a step's pods, such as 16Gi, by the step's name; the entry default is for all others. A pod that takes more is evicted and the run fails. 16Gi unless given, and 256Gi for a container that trains."`
}

// A KubeSecret is one key of a Kubernetes Secret.
type KubeSecret struct {
	_    struct{} `doc:"One key of a Kubernetes Secret in the workflows' namespace."`
	Name string   `json:"name" required:"true" rule:"subdomain" doc:"Name of the Secret."`
	Key  string   `json:"key" required:"true" rule:"secretKey" doc:"Key within it."`
}

// TrainerKeys are those of a user of the store that only hands checkpoints in.
type TrainerKeys struct {
	_            struct{}    `doc:"Where pods find the keys of a user of the store who may read exports and hand checkpoints in, and nothing else: manifests/store/policy-trainer.json says so to MinIO and AWS."`
	AccessKey    KubeSecret  `json:"accessKey" required:"true" doc:"The access key's ID."`
	SecretKey    KubeSecret  `json:"secretKey" required:"true" doc:"The secret key."`
	SessionToken *KubeSecret `json:"sessionToken,omitempty" doc:"The session token of temporary keys."`
}

// Resources are what a pod asks for and may use.
type Resources struct {
	_        struct{}          `doc:"What a pod asks for, and what it may use, in Kubernetes' own units."`
	Requests map[string]string `json:"requests" required:"true" keys:"resource" rule:"quantity" doc:"What is kept for it, such as cpu: 500m."`
	Limits   map[string]string `json:"limits" required:"true" keys:"resource" rule:"quantity" doc:"What it may use at most."`
}

// Parallelism bounds what is done at once.
type Parallelism struct {
	_        struct{} `doc:"How much is done at once."`
	Shards   int      `json:"shards" default:"2" min:"1" max:"1000" doc:"Processes at once, each at work on one shard. The shards of a step that has more than 16 times as many share 16 times as many processes; one that is started again goes on after the last shard that was done."`
	InFlight int      `json:"inFlight" default:"64" min:"1" max:"100000" doc:"Sessions or calls in flight in each process."`
}

// Retries says how often and how patiently a shard that failed for a while is run again.
type Retries struct {
	_          struct{} `doc:"How often and how patiently a shard is run again."`
	Limit      int      `json:"limit" default:"4" min:"0" max:"100" doc:"Further attempts after the first."`
	Backoff    Duration `json:"backoff" default:"1s" min:"0" max:"1h" doc:"Pause before the second attempt; each pause doubles the last."`
	MaxBackoff Duration `json:"maxBackoff" default:"30s" min:"0" max:"1h" doc:"The longest pause; not below backoff."`
}

// Limits bound the calls to one model from one process.
type Limits struct {
	_                 struct{} `doc:"Bounds on the calls to one model from one process; what is left out is found by trying."`
	Concurrency       int      `json:"concurrency,omitempty" min:"1" max:"100000" doc:"Calls in flight."`
	RequestsPerMinute int      `json:"requestsPerMinute,omitempty" min:"1" max:"10000000" doc:"Calls a minute."`
	TokensPerMinute   int      `json:"tokensPerMinute,omitempty" min:"1" max:"10000000000" doc:"Prompt and answer tokens a minute."`
	Timeout           Duration `json:"timeout,omitempty" min:"100ms" max:"24h" doc:"Time that one call may take before it is tried again; 10m unless given."`
}

// Identity returns the limits, less the timeout, as the llm package knows them.
func (l Limits) Identity() llm.Limits {
	return llm.Limits{Concurrency: l.Concurrency, RequestsPerMinute: l.RequestsPerMinute, TokensPerMinute: l.TokensPerMinute}
}

// Batch gathers the requests to one model into batches.
type Batch struct {
	_        struct{} `doc:"Gathers requests into batches, for half the price and within a day. Sessions advance in lock-step: each waits for the batch that holds its next question."`
	Gather   Duration `json:"gather" default:"5s" min:"10ms" max:"1h" doc:"Time without a new request after which those gathered are submitted."`
	Poll     Duration `json:"poll" default:"30s" min:"10ms" max:"1h" doc:"Time between two looks at a batch."`
	Requests int      `json:"requests" default:"50000" min:"1" max:"50000" doc:"Requests of one batch, at most."`
}

// Identity returns the batching as the llm package knows it.
func (b Batch) Identity() *llm.Batching {
	return &llm.Batching{Gather: time.Duration(b.Gather), Poll: time.Duration(b.Poll), Requests: b.Requests}
}

// A Duration is written like 500ms, 30s or 1m30s.
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes d as files do.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }
