// Package experiment reads the two files that users write: an Experiment says
// what to run, a Profile says where. Reading is strict, reports all problems at
// once, each with its position, and never shows a secret.
//
// The struct tags are the one source of what a field means: the decoder, the
// JSON Schema and docs/config.md all read them.
//
//	doc       what the field (or, on a blank field, the type) means
//	default   its value when the file leaves it out
//	required  "true": the file must give it
//	min, max  inclusive bounds; above, below: exclusive ones
//	enum      the values allowed, separated by commas
//	rule      the form of a text (rule.go), or of a mapping's texts; keys: that of a mapping's keys
//	repeats   "true": a list's texts may repeat
//	ref       "model", "input", "prompt", "training" or "candidate": the text names one
//	is        "file" or "folder": what a File must be
//	when      "key=value": the field belongs to that value of a sibling alone
//	exactly, atLeast   on a blank field: how many of those keys a file gives
//	short     on a blank field: a plain text instead of the mapping is that key's
package experiment

// V1Alpha1 is the one version of both kinds so far.
const V1Alpha1 = "gymline/v1alpha1"

// The kinds of file.
const (
	KindExperiment = "Experiment"
	KindProfile    = "Profile"
)

// An Experiment is what to run, with its defaults resolved. It is read-only.
type Experiment struct {
	_          struct{} `doc:"An experiment says what to run. Its digest identifies it everywhere; where it runs is the profile's business."`
	APIVersion string   `json:"apiVersion" required:"true" enum:"gymline/v1alpha1" doc:"Version of the file's format."`
	Kind       string   `json:"kind" required:"true" enum:"Experiment" doc:"Kind of file."`
	Metadata   Metadata `json:"metadata" required:"true" doc:"What the experiment is called."`
	Spec       Spec     `json:"spec" required:"true" doc:"What to run. Of the sections generate, curate, reward, export, train and evaluate, those that are present run."`
}

// Metadata names a file's content.
type Metadata struct {
	_           struct{} `doc:"The name and an optional description."`
	Name        string   `json:"name" required:"true" rule:"label" doc:"Names the runs (NAME-1, NAME-2, …)."`
	Description string   `json:"description,omitempty" doc:"For readers; in a report it is the title."`
}

// A Spec is the part of an experiment that its digest is taken over, as
// canonical JSON, together with the content of its inputs.
type Spec struct {
	_          struct{}          `doc:"The sections of the line, and what they share." atLeast:"generate,reward,export,evaluate"`
	Seed       uint64            `json:"seed" default:"1" min:"0" max:"9007199254740991" doc:"Seeds everything that is random."`
	Inputs     map[string]Input  `json:"inputs,omitempty" keys:"name" doc:"Outside data by name. Each input is copied into the store when a run opens, and its content is part of the experiment's digest."`
	Models     map[string]Model  `json:"models,omitempty" keys:"name" doc:"Language models by the name that the sections use. A model that no section uses is allowed, so that --set can choose among them."`
	Prompts    map[string]Prompt `json:"prompts,omitempty" keys:"name" doc:"System texts of the experiment's own by the name that the sections use. Of a role that names none it is the built-in text."`
	Generate   *Generate         `json:"generate,omitempty" doc:"Play sessions in the gym."`
	Curate     *Curate           `json:"curate,omitempty" doc:"Choose among the gym's rows before anything learns from them."`
	Reward     *Reward           `json:"reward,omitempty" doc:"Train the model that accepts or rejects a proposal."`
	Export     *Export           `json:"export,omitempty" doc:"Write data sets for fine-tuning."`
	Train      map[string]Train  `json:"train,omitempty" keys:"label" doc:"Hand the export over to a trainer, by the name of the checkpoint that comes back."`
	Evaluate   *Evaluate         `json:"evaluate,omitempty" doc:"Score candidates on a benchmark."`
	Statistics Statistics        `json:"statistics" doc:"How uncertainty is computed, in reward and evaluate."`
	Failures   *Failures         `json:"failures,omitempty" doc:"When too many rows fail, the run stops rather than pay for more. Unless given, that is when more than half of the last 50 failed."`
	Budget     *Budget           `json:"budget,omitempty" doc:"What the run may cost; without it, whatever it takes."`
	Schedule   *Schedule         `json:"schedule,omitempty" doc:"Run again and again, on the engine argo; gymline run does it once, as of the last time if refresh is set."`
}

// An Input is a folder of outside data.
type Input struct {
	_ struct{} `doc:"A folder of outside data."`
	// Path is ready to open: what --input said, or the file's path joined to
	// the file's folder; "" if neither gave one. It is no part of the digest.
	Path string `json:"-" yaml:"path" rule:"path" doc:"Folder, relative to this file. Without it, every run gives --input NAME=PATH."`
}

// A File is a file or folder of an input.
type File struct {
	_     struct{} `doc:"A file or folder of an input."`
	Input string   `json:"input" required:"true" ref:"input" doc:"Name of the input."`
	Path  string   `json:"path" required:"true" rule:"path" doc:"Path within it; \".\" is all of it."`
}

// Generate configures the gym.
type Generate struct {
	_            struct{}    `doc:"The gym: scenes, and sessions played in them."`
	Scenes       Scenes      `json:"scenes" required:"true" doc:"Where the scenes come from."`
	Sessions     int         `json:"sessions" default:"1" min:"1" max:"100000" doc:"Sessions played in each scene."`
	Shards       int         `json:"shards" default:"1" min:"1" max:"10000" doc:"Parts that the scenes are divided into, for processes to share. More shards than scenes are refused where the file tells how many there are."`
	Models       GymModels   `json:"models" required:"true" doc:"Who plays."`
	Prompts      *GymPrompts `json:"prompts,omitempty" doc:"What they are told, where it is not the built-in texts."`
	MaxEvents    int         `json:"maxEvents" default:"20" min:"1" max:"10000" doc:"Events after which a session ends, if its goal is not met before."`
	Candidates   int         `json:"candidates" default:"1" min:"1" max:"10" doc:"Tasks that the agent may propose after an event."`
	ExecuteSteps int         `json:"executeSteps" default:"3" min:"0" max:"100" doc:"Operations that carry out an accepted task, at most."`
	Repairs      int         `json:"repairs" default:"2" min:"0" max:"10" doc:"Times that a malformed answer is sent back before its row fails."`
	History      *History    `json:"history,omitempty" doc:"How much of a conversation is sent again with each question; all of it unless given."`
}

// Window bounds what a candidate is sent of a trace.
type Window struct {
	_         struct{} `doc:"Bounds a candidate's conversation as the gym does with keep: window. Once it has twice as many exchanges, the older half goes."`
	Exchanges int      `json:"exchanges" default:"20" min:"2" max:"10000" doc:"Events with their answers that are kept at a cut."`
}

// History bounds the conversations of a session.
type History struct {
	_         struct{} `doc:"Bounds a role's conversation. Once it has twice as many exchanges, the older half goes, so that the text between two cuts only grows at its end."`
	Keep      string   `json:"keep" required:"true" enum:"window,summary" doc:"window forgets what goes; summary has the user's and the environment's model sum it up first, in one more call. The agent's conversation is a window either way. What the export trains on is bounded by its own maxHistory."`
	Exchanges int      `json:"exchanges" default:"20" min:"2" max:"10000" doc:"Questions with their answers that are kept at a cut."`
}

// Curate chooses among the gym's rows.
type Curate struct {
	_          struct{} `doc:"Chooses among the gym's rows, in their order: a row that is left out stays in its session's history, and in the row ledger with its cause."`
	Duplicates float64  `json:"duplicates" default:"0.9" above:"0" max:"1" doc:"Similarity of two scenes, or of the events and tasks of two rows, from which the later one is left out: Jaccard similarity of their words in threes, of rows the smaller of that of the events and that of the tasks; 1 leaves out equal ones alone."`
	Leakage    float64  `json:"leakage,omitempty" above:"0" max:"1" doc:"Similarity to an event of the benchmark from which a row is left out, and from which what goes into the gym counts as the benchmark's, where the experiment has one; 0.5 unless given."`
	Acceptance *Share   `json:"acceptance,omitempty" doc:"Bounds on the share of rows whose verdict is yes; rows of the larger side are left out at random until it holds, in each domain."`
	Quota      int      `json:"quota" default:"0" min:"0" max:"10000000" doc:"Rows that are used of each domain, exactly; 0 uses all. When a domain has fewer, the step fails and says about how many sessions would do."`
}

// A Share is a closed interval within [0,1].
type Share struct {
	_   struct{} `doc:"A closed interval."`
	Min float64  `json:"min" default:"0" min:"0" max:"1" doc:"Lower bound."`
	Max float64  `json:"max" default:"1" min:"0" max:"1" doc:"Upper bound."`
}

// Failures says when a run is given up.
type Failures struct {
	_      struct{} `doc:"The run stops when more than a share of the last rows of a shard failed."`
	Rate   float64  `json:"rate" default:"0.5" above:"0" max:"1" doc:"Share of failed rows up to which a run goes on; 1 never stops."`
	Window int      `json:"window" default:"50" min:"1" max:"1000000" doc:"Rows, the last ones to end, that the share is taken of. A shard with fewer is judged by all of its rows, if they are 10 or more."`
}

// A Budget bounds what a run may cost.
type Budget struct {
	_   struct{} `doc:"What the calls of a run may cost, all its jobs and shards together."`
	USD float64  `json:"usd" required:"true" above:"0" max:"100000000" doc:"US dollars. Every model that is called needs a price. Once they are spent no call is made; those in flight are finished, kept and paid. Raise it and run again to go on."`
}

// Scenes are the finished scenes of a file, then Count more written from seeds.
type Scenes struct {
	_     struct{} `doc:"Finished scenes of a file, scenes that a model writes from seed tasks, or both: the file's come first." atLeast:"file,seeds"`
	File  *File    `json:"file,omitempty" is:"file" doc:"Finished scenes, as YAML."`
	Limit int      `json:"limit" default:"0" min:"0" max:"1000000" doc:"Scenes taken from the front of file; 0 is all of them."`
	Seeds *File    `json:"seeds,omitempty" is:"file" doc:"Seed tasks by domain, as YAML."`
	Model string   `json:"model,omitempty" ref:"model" doc:"Model that writes scenes from seeds; required with seeds."`
	Count int      `json:"count" default:"0" min:"0" max:"1000000" doc:"Scenes written from seeds; at least 1 with seeds, and 0 without."`
	Leaks string   `json:"leaks,omitempty" enum:"report,drop,fail" doc:"What is done with sample events of seeds and examples of finished scenes that are in the benchmark, where the experiment has one: report, the default, has curate count them and warn; drop leaves them out before the gym uses them; fail plays nothing, and minds prompts, too."`
}

// GymModels names the models that play the parts.
type GymModels struct {
	_           struct{} `doc:"The models that play the parts, by name."`
	User        string   `json:"user" required:"true" ref:"model" doc:"Acts toward a goal, and accepts or rejects proposals."`
	Environment string   `json:"environment" required:"true" ref:"model" doc:"Turns activities into events."`
	Agent       string   `json:"agent" required:"true" ref:"model" doc:"Proposes a task after an event, or none."`
}

// Data says which judged proposals are rows.
type Data struct {
	_              struct{} `doc:"Which judged proposals are rows; both may be." atLeast:"gym,proactivebench"`
	Gym            bool     `json:"gym" default:"false" doc:"Those of this experiment's generate."`
	ProactiveBench *File    `json:"proactivebench,omitempty" is:"folder" doc:"Those of ProactiveBench: the folder that holds reward_data/."`
}

// Reward configures the reward model.
type Reward struct {
	_          struct{} `doc:"The model that accepts or rejects proposals."`
	Data       Data     `json:"data" required:"true" doc:"What it learns from."`
	TaskLambda float64  `json:"taskLambda" default:"300" above:"0" max:"1000000000" doc:"Ridge penalty of the part that judges proposed tasks."`
	NeedLambda float64  `json:"needLambda" default:"100" above:"0" max:"1000000000" doc:"Ridge penalty of the part that judges silence."`
	Folds      int      `json:"folds" default:"0" min:"0" max:"1000" doc:"Folds of cross-validation over whole groups (a scene, or a recorded trace), 2 or more; 0 holds out one group at a time, and of more than 50 groups a tenth."`
}

// Export configures finetune-export.
type Export struct {
	_          struct{} `doc:"Data sets for fine-tuning: one for each combination of family, trainer and set."`
	Data       Data     `json:"data" required:"true" doc:"What is exported."`
	Families   []string `json:"families" default:"llama3.1,qwen2.5" enum:"llama3.1,qwen2.5" doc:"Model families."`
	Trainers   []string `json:"trainers" default:"llama-factory,trl" enum:"llama-factory,trl" doc:"Trainers whose files are written."`
	Sets       []string `json:"sets" default:"agent,reward" enum:"agent,reward" doc:"agent teaches proposing tasks, reward teaches judging them."`
	Validation float64  `json:"validation" default:"0.1" min:"0" below:"1" doc:"Share of the traces that is held out for validation."`
	MaxHistory int      `json:"maxHistory" default:"0" min:"0" max:"100000" doc:"Newest events that a prompt keeps; 0 keeps all."`
	Leakage    float64  `json:"leakage,omitempty" above:"0" max:"1" doc:"Similarity to an event of the benchmark from which an event bars the rows of the set agent that know it, where the experiment has a benchmark; that of curate unless given, or else 0.5."`
	Overlong   string   `json:"overlong,omitempty" enum:"keep,drop,fail" doc:"What is done with rows that are longer than the recipes allow (4096 tokens), which trainers cut or drop: keep, the default, writes them and warns; drop leaves them out; fail ends the step."`
	Redact     *bool    `json:"redact,omitempty" doc:"Whether rows have placeholders, such as [email 1], for personal data and secrets. Unless given they are as the models saw them: those of the gym redacted where its agent, or for the set reward its user, was sent them so."`
}

// Train configures one hand-off of the export to a trainer.
type Train struct {
	_         struct{}   `doc:"A hand-off: what is exported goes to a trainer, and a checkpoint comes back." exactly:"external,command,container,trainJob"`
	Base      string     `json:"base,omitempty" rule:"text" doc:"Base model, as adapter_config.json names it. A checkpoint that is an adapter of another is refused."`
	Deadline  Duration   `json:"deadline" default:"72h" min:"1s" max:"8760h" doc:"Time from the end of the export within which the checkpoint has to be there."`
	External  bool       `json:"external,omitempty" enum:"true" doc:"Somebody else trains, and puts the checkpoint with gymline checkpoint put."`
	Command   []string   `json:"command,omitempty" rule:"text" repeats:"true" doc:"A program of this machine and its arguments, on the engine local."`
	Container *Container `json:"container,omitempty" doc:"An image, on the engine argo."`
	TrainJob  *TrainJob  `json:"trainJob,omitempty" doc:"A TrainJob of Kubeflow Trainer v2, on the engine argo. The last act of its image is gymline checkpoint put."`
}

// A Container is a trainer's image.
type Container struct {
	_       struct{} `doc:"A trainer's image. It finds the export in $GYMLINE_EXPORT and leaves the checkpoint in $GYMLINE_CHECKPOINT."`
	Image   string   `json:"image" required:"true" rule:"image" doc:"Reference of the image."`
	Command []string `json:"command" required:"true" rule:"text" repeats:"true" doc:"Program and arguments."`
}

// A TrainJob is a resource of Kubeflow Trainer v2.
type TrainJob struct {
	_       struct{} `doc:"A TrainJob, trainer.kubeflow.org/v1alpha1."`
	Runtime string   `json:"runtime" required:"true" rule:"label" doc:"Name of the ClusterTrainingRuntime."`
	Image   string   `json:"image" required:"true" rule:"image" doc:"Reference of the trainer's image."`
	Command []string `json:"command" required:"true" rule:"text" repeats:"true" doc:"Program and arguments."`
	Nodes   int      `json:"nodes" default:"1" min:"1" max:"10000" doc:"Nodes that train."`
}

// A Schedule starts runs by the clock.
type Schedule struct {
	_                struct{} `doc:"Starts runs by the clock. A time that fires twice is one run."`
	Cron             []string `json:"cron" required:"true" rule:"cron" doc:"Cron expressions of five fields."`
	Timezone         string   `json:"timezone" default:"UTC" rule:"timezone" doc:"Time zone of the expressions, by its IANA name."`
	StartingDeadline Duration `json:"startingDeadline" default:"1h" min:"1m" max:"24h" doc:"Time within which a start that was missed is made up for."`
	Refresh          []string `json:"refresh,omitempty" enum:"candidates,judge,gym" doc:"Whose models are asked anew at each time of the schedule, rather than answered for from what was recorded; nobody unless given. gymline run asks as of the last time that has come."`
}

// Evaluate configures the benchmark.
type Evaluate struct {
	_          struct{}    `doc:"Candidates × benchmark × judge."`
	Benchmark  File        `json:"benchmark" required:"true" is:"folder" doc:"Folder of recorded activity, one trace a file."`
	Candidates []Candidate `json:"candidates" required:"true" doc:"Who is scored, on the same events."`
	Judge      Judge       `json:"judge" required:"true" doc:"Who accepts or rejects their proposals."`
	Tasks      int         `json:"tasks" default:"1" min:"1" max:"10" doc:"Tasks that a model may propose after an event."`
	History    *Window     `json:"history,omitempty" doc:"How much of a trace a model is sent with each event; all of it unless given, so that its tokens grow with the square of its events."`
	Repairs    int         `json:"repairs" default:"2" min:"0" max:"10" doc:"Times that a malformed answer is sent back before its row fails."`
	Repeats    int         `json:"repeats,omitempty" min:"1" max:"100" doc:"Times that each model answers the whole benchmark, each answer asked for and paid apart; once unless given. Scores are means over the repeats (docs/evaluation.md)."`
	Baseline   string      `json:"baseline,omitempty" ref:"candidate" doc:"The candidate that all others are compared with, by name. Unless given every pair is compared, which takes more traces to find anything."`
	Need       *File       `json:"need,omitempty" is:"folder" doc:"Where people said at which events of the benchmark help was wanted: the folder that holds reward_data/. Candidates are then scored by when they offer, too, and no judge has part in that."`
	Drift      *Drift      `json:"drift,omitempty" doc:"What a series of nights is watched by; without it no drift is looked for."`
	Gate       []GateRule  `json:"gate,omitempty" doc:"What the result must come to. A run that breaks a rule has succeeded, and gymline ends with exit code 66. No part of the digest. docs/gate.md tells more."`
}

// Passes is how often each model answers the benchmark.
func (e *Evaluate) Passes() int { return max(1, e.Repeats) }

// A Candidate is a model, or the recorded answers of one.
type Candidate struct {
	_        struct{} `doc:"Who is scored." exactly:"model,recorded,matrix"`
	Name     string   `json:"name" required:"true" rule:"candidate" doc:"Name in tables and reports."`
	Model    string   `json:"model,omitempty" ref:"model" doc:"A model of this experiment, by name."`
	Recorded *File    `json:"recorded,omitempty" is:"folder" doc:"Folder of recorded answers, one file for each trace of the benchmark."`
	// Matrix is never set: what was read has its candidates.
	Matrix *Matrix `json:"-" yaml:"matrix" doc:"Several candidates at once, for all combinations of values, such as {model: [small, large], temperature: [0, 0.7]} with the name '{model}-t{temperature}'."`
	Prompt string  `json:"prompt,omitempty" ref:"prompt" doc:"A prompt of the role agent that the model is asked with; the built-in text unless given."`
	// What the model is asked with in place of its own settings.
	Temperature *float64 `json:"temperature,omitempty" min:"0" max:"2" doc:"Sampling temperature, in place of the model's."`
	TopP        *float64 `json:"topP,omitempty" above:"0" max:"1" doc:"Nucleus sampling, in place of the model's."`
	MaxTokens   int      `json:"maxTokens,omitempty" min:"1" max:"1000000" doc:"Bound of an answer, in place of the model's."`
	Skill       *float64 `json:"skill,omitempty" min:"0" max:"1" doc:"Skill of a stand-in, in place of the model's."`
	// Checkpoint is for models alone: recorded answers were given before.
	Checkpoint string `json:"checkpoint,omitempty" ref:"training" doc:"The training whose checkpoint the model serves, by name under train: the candidate is asked once it is there, and again when it changed."`
}

// A Judge is the trained reward model, a language model, or verdicts on record.
type Judge struct {
	_           struct{} `doc:"Who accepts or rejects proposals." exactly:"rewardModel,model,recorded"`
	RewardModel bool     `json:"rewardModel,omitempty" enum:"true" doc:"The model that reward trains."`
	Model       string   `json:"model,omitempty" ref:"model" doc:"A language model, by name, with the paper's rule."`
	Prompt      string   `json:"prompt,omitempty" ref:"prompt" doc:"A prompt of the role judge that the model judges by; the built-in text unless given. The export's reward set trains on it."`
	Recorded    bool     `json:"recorded,omitempty" enum:"true" doc:"The verdicts recorded beside the answers; every candidate is then recorded."`
}

// Statistics configures intervals and tests.
type Statistics struct {
	_          struct{} `doc:"Intervals and tests, whose unit is the trace (docs/evaluation.md)."`
	Resamples  int      `json:"resamples" default:"2000" min:"100" max:"1000000" doc:"Resamples of reward's bootstrap, and of a test of more than 20 traces the least number of swaps that are drawn."`
	Confidence float64  `json:"confidence" default:"0.95" min:"0.5" below:"1" doc:"Confidence of intervals."`
	Adjust     string   `json:"adjust,omitempty" enum:"benjamini-hochberg" doc:"How p-values are adjusted for being looked at together: of what is called different, no more than the level is false on average. Unless given by Holm, so that any false finding is as rare as the level says."`
}
