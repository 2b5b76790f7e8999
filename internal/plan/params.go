package plan

import (
	"path"
	"strings"

	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/store"
)

// The names of the jobs.
const (
	JobGenerate = "generate"
	JobCurate   = "curate"
	JobReward   = "reward"
	JobExport   = "finetune-export"
	JobTrain    = "train"
	JobPredict  = "predict"
	JobEvaluate = "evaluate"
	JobReport   = "report"
)

// The outputs that later steps read.
const (
	ScenesOutput     = "scenes.jsonl"    // generate: trace.Scene
	EpisodesOutput   = "episodes.jsonl"  // generate, curate: trace.Episode, ordered by scene and session
	CurationOutput   = "curation.json"   // curate: what was left out, and why
	StatsOutput      = "stats.json"      // generate: trace.Stats
	CallsOutput      = "calls.jsonl"     // generate, predict, anchors: rows.Calls, what was asked for each row
	RowsOutput       = "rows.jsonl"      // generate, curate, reward, finetune-export, predict, anchors: rows.Row
	FailuresOutput   = "failures.jsonl"  // generate, predict, anchors: what could not be used of a row that failed
	ModelOutput      = "model.json"      // reward: rewardmodel.Model
	MetricsOutput    = "metrics.json"    // reward, evaluate
	ManifestOutput   = "manifest.json"   // finetune-export: what was exported, file by file
	JudgedOutput     = "judged.jsonl"    // predict: trace.JudgedTrace, one trace a line
	CheckpointOutput = "checkpoint.json" // train: Checkpoint
	ReportOutput     = "report.html"     // report
	GymOutput        = "gym.json"        // report: trace.Stats over all shards of generate
)

// A File is a file of a named input.
type File struct {
	Input string `json:"input"` // its name
	Path  string `json:"path"`  // within it; "." for all of it
}

func (f File) String() string { return path.Join(f.Input, f.Path) }

// Generate are the parameters of the job generate: the gym.
type Generate struct {
	// Scenes is a file of finished scenes: its first Limit (0: all of them) come
	// first, and a limit above what it has is refused. Seeds are seed tasks, from
	// which the Scenes model writes Count more. At least one is set.
	Scenes *File `json:"scenes,omitempty"`
	Limit  int   `json:"limit,omitempty"`
	Seeds  *File `json:"seeds,omitempty"`
	Count  int   `json:"count"`
	// Sessions is how many sessions each scene gets.
	Sessions int `json:"sessions"`
	// MaxEvents ends a session; Candidates is how many tasks the agent may
	// propose a turn; ExecuteSteps bounds the operations of an accepted task.
	MaxEvents    int `json:"maxEvents"`
	Candidates   int `json:"candidates"`
	ExecuteSteps int `json:"executeSteps"`
	// Repairs bounds how often a malformed answer is sent back in conversation.
	Repairs int       `json:"repairs"`
	History *History  `json:"history,omitempty"`
	Models  GymModels `json:"models"`
	// Prompts are the experiment's own texts; of other roles it is the built-in one.
	Prompts Prompts `json:"prompts,omitempty"`
	// Leaks is set where what is in the benchmark is left out or refused.
	Leaks *Leaks `json:"leaks,omitempty"`
}

// Leaks say what is done with what goes into the gym and is in the benchmark.
type Leaks struct {
	Benchmark  File    `json:"benchmark"`
	Similarity float64 `json:"similarity"`
	Do         string  `json:"do"` // leak.Drop or leak.Fail
	// Prompts are files of the experiment's own texts.
	Prompts []File `json:"prompts,omitempty"`
}

// How much of a conversation is kept.
const (
	HistoryWindow  = "window"
	HistorySummary = "summary"
)

// History bounds a conversation: at 2·Exchanges questions with their answers,
// the older half goes. With HistorySummary, user and environment sum it up first.
type History struct {
	Keep      string `json:"keep"`
	Exchanges int    `json:"exchanges"`
}

// Curate are the parameters of the job curate: which rows of generate are used.
type Curate struct {
	// Duplicates and Leakage are Jaccard similarities in (0,1] from which a row
	// is left out; Benchmark is nil when the experiment has none.
	Duplicates float64 `json:"duplicates"`
	Leakage    float64 `json:"leakage"`
	Benchmark  *File   `json:"benchmark,omitempty"`
	// Inputs is set with Benchmark.
	Inputs *GymInputs `json:"inputs,omitempty"`
	// MinAccepted and MaxAccepted bound the share of rows whose verdict is yes,
	// in each domain.
	MinAccepted float64 `json:"minAccepted"`
	MaxAccepted float64 `json:"maxAccepted"`
	// Quota is how many rows each domain has in the end, exactly; 0: all.
	Quota int `json:"quota"`
}

// GymInputs are what goes into the gym, for the benchmark to be held against: the files
// of generate, and those of the experiment's own texts.
type GymInputs struct {
	Scenes  *File  `json:"scenes,omitempty"`
	Limit   int    `json:"limit,omitempty"`
	Seeds   *File  `json:"seeds,omitempty"`
	Prompts []File `json:"prompts,omitempty"`
	// Dropped says that generate left out what is in the benchmark.
	Dropped bool `json:"dropped,omitempty"`
}

// GymScenes tell which seed tasks the gym's scenes were written from.
type GymScenes struct {
	Finished *File `json:"finished,omitempty"` // scenes, which come first
	Limit    int   `json:"limit,omitempty"`
	Seeds    File  `json:"seeds"`
}

// GymModels play the parts of the gym.
type GymModels struct {
	Scenes      *llm.Model `json:"scenes,omitempty"` // set with Seeds
	User        llm.Model  `json:"user"`
	Environment llm.Model  `json:"environment"`
	Agent       llm.Model  `json:"agent"`
}

// Reward are the parameters of the job reward.
type Reward struct {
	// Gym says that the judged proposals of generate are training rows.
	Gym bool `json:"gym"`
	// ProactiveBench is the folder that holds reward_data/, if it is used.
	ProactiveBench *File `json:"proactiveBench,omitempty"`
	// TaskLambda and NeedLambda are the ridge penalties of the two models.
	TaskLambda float64 `json:"taskLambda"`
	NeedLambda float64 `json:"needLambda"`
	// Folds is the number of trace-grouped cross-validation folds; 0 holds out one trace at a time.
	Folds int `json:"folds"`
	// Resamples and Confidence are of the metrics' trace bootstrap.
	Resamples  int     `json:"resamples"`
	Confidence float64 `json:"confidence"`
}

// Export are the parameters of the job finetune-export.
type Export struct {
	// Name is the experiment's name, which the files are published under. It and
	// all else that outputs show is a parameter, so that work keys cover it.
	Name           string `json:"name"`
	Gym            bool   `json:"gym"`
	ProactiveBench *File  `json:"proactiveBench,omitempty"`
	// Benchmark is the folder of traces that the experiment evaluates candidates
	// on, if it does: no row that trains a candidate may share an event with it.
	Benchmark *File `json:"benchmark,omitempty"`
	// Leakage is the similarity from which an event is the benchmark's; set with Benchmark.
	Leakage float64 `json:"leakage,omitempty"`
	// Scenes is set where scenes of the gym were written from seeds: those of one seed
	// task are on one side of the split.
	Scenes *GymScenes `json:"scenes,omitempty"`
	// Families, Trainers and Sets span the files: every combination is written.
	Families []string `json:"families"` // "llama3.1", "qwen2.5"
	Trainers []string `json:"trainers"` // "llama-factory", "trl"
	Sets     []string `json:"sets"`     // "agent" (SFT on accepted turns), "reward" (accept/reject judge)
	// Validation is the share of traces held out, in [0,1).
	Validation float64 `json:"validation"`
	// MaxHistory bounds the events of a prompt; older ones are left out and the row counts as truncated. 0: no bound.
	MaxHistory int `json:"maxHistory"`
	// Overlong is what is done with rows that are longer than the recipes allow:
	// "drop" or "fail"; "" keeps them.
	Overlong string `json:"overlong,omitempty"`
	// Candidates is how many tasks the agent's prompt allows, as in Generate.
	Candidates int `json:"candidates"`
	// Prompts are the experiment's own texts of the agent and the judge.
	Prompts Prompts `json:"prompts,omitempty"`
	// Redact says which rows have placeholders for personal data and secrets: sources of
	// trace.Judged by set.
	Redact map[string][]string `json:"redact,omitempty"`
}

// Trainer kinds.
const (
	TrainExternal  = "external"  // somebody else puts the checkpoint
	TrainCommand   = "command"   // a program of this machine
	TrainContainer = "container" // an image, with gymline beside it
	TrainTrainJob  = "trainJob"  // a resource of Kubeflow Trainer
)

// Train are the parameters of the job train: one hand-off of the export. The
// step is named after the checkpoint: TrainStep.
type Train struct {
	Name     string   `json:"name"` // of the checkpoint
	Kind     string   `json:"kind"`
	Base     string   `json:"base,omitempty"`
	Deadline string   `json:"deadline"`          // a duration, from the end of the last step before
	Command  []string `json:"command,omitempty"` // of all kinds but external
	Image    string   `json:"image,omitempty"`   // of container and trainJob
	Runtime  string   `json:"runtime,omitempty"` // of trainJob
	Nodes    int      `json:"nodes,omitempty"`   // of trainJob
}

// TrainStep is the name of the step that hands over to the training name.
func TrainStep(name string) store.StepName { return store.StepName(JobTrain + "-" + name) }

// TrainingOf is the name whose TrainStep is step.
func TrainingOf(step store.StepName) string { return strings.TrimPrefix(string(step), JobTrain+"-") }

// A Checkpoint is the output of the job train: what came back. It depends on the
// files alone.
type Checkpoint struct {
	Name         string       `json:"name"`
	Tree         store.Digest `json:"tree"` // of its files
	Files        int          `json:"files"`
	Bytes        int64        `json:"bytes"`
	Kind         string       `json:"kind"` // "full" or "lora"
	Base         string       `json:"base,omitempty"`
	Architecture string       `json:"architecture,omitempty"`
}

// Predict are the parameters of one shard of the job predict (see Step.Each):
// one candidate answering every benchmark event, each answer judged.
type Predict struct {
	Benchmark File      `json:"benchmark"`
	Candidate Candidate `json:"candidate"`
	Judge     Judge     `json:"judge"`
	// Repeat tells passes of one candidate apart, from 0: its model answers anew in each.
	Repeat int `json:"repeat,omitempty"`
	// Tasks is how many tasks a model may propose a turn.
	Tasks   int `json:"tasks"`
	Repairs int `json:"repairs"`
	// History bounds the events that a model is sent: at twice as many, the older
	// half goes. 0: no bound.
	History int `json:"history,omitempty"`
}

// A Candidate is a model, or the recorded answers of one.
type Candidate struct {
	Name     string     `json:"name"`
	Model    *llm.Model `json:"model,omitempty"`
	Recorded *File      `json:"recorded,omitempty"`
	Prompt   string     `json:"prompt,omitempty"` // the model's own text as an agent
}

// Judge kinds.
const (
	JudgeRewardModel = "reward-model" // the model that the step reward trained
	JudgeLLM         = "llm"          // the paper's accept/reject rule by a language model
	JudgeRecorded    = "recorded"     // verdicts beside the recorded answers
)

// A Judge accepts or rejects answers.
type Judge struct {
	Kind  string     `json:"kind"`
	Model *llm.Model `json:"model,omitempty"` // of JudgeLLM
	// Prompt is the model's own text as a judge.
	Prompt string `json:"prompt,omitempty"`
}

// Evaluate are the parameters of the job evaluate: metrics over all candidates.
type Evaluate struct {
	Candidates []string `json:"candidates"`
	// OneModel are groups of candidates that one model answers for, asked alike; OwnJudge
	// are those whose model is the judge, too.
	OneModel [][]string `json:"oneModel,omitempty"`
	OwnJudge []string   `json:"ownJudge,omitempty"`
	// Prompts name the texts that candidates have of their own, and JudgePrompt the judge's.
	Prompts     map[string]PromptName `json:"prompts,omitempty"`
	JudgePrompt *PromptName           `json:"judgePrompt,omitempty"`
	Resamples   int                   `json:"resamples"`
	Confidence  float64               `json:"confidence"`
	// Baseline is the candidate that all others are compared with; "": every pair is.
	Baseline string `json:"baseline,omitempty"`
	// Adjust is AdjustRate, or "": by Holm.
	Adjust string `json:"adjust,omitempty"`
	// Need is the folder that holds reward_data/, where people said when help was wanted.
	Need *File `json:"need,omitempty"`
	// Frozen is the recorded candidate that nights are held against; "": none.
	Frozen string `json:"frozen,omitempty"`
}

// AdjustRate bounds the share of findings that are false, after Benjamini and Hochberg.
const AdjustRate = "benjamini-hochberg"

// Report are the parameters of the job report.
type Report struct {
	Title      string       `json:"title"`
	Experiment string       `json:"experiment"`
	Digest     store.Digest `json:"experimentDigest"`
	Anew       *Anew        `json:"anew,omitempty"`
	Prompts    []Prompt     `json:"prompts,omitempty"`
}
