package finetuneexport

import (
	"encoding/json"
	"io"

	"github.com/gymline/gymline/internal/canonical"
	"github.com/gymline/gymline/internal/job"
	"github.com/gymline/gymline/internal/llm"
)

// llamaFactory writes sharegpt rows. With other layouts LLaMA-Factory changes
// the system text or needs further columns; see docs/export.md.
var llamaFactory = trainer{
	name: "llama-factory",
	template: func(f family) string {
		if f.name == "llama3.1" {
			return "llama3"
		}
		return "qwen"
	},
	// LLaMA-Factory's llama3 template leaves out the date lines that the model's
	// own template always shows, so they are written out here.
	system: func(f family, text string) string { return f.preamble + f.text(text) },
	row: func(line []byte, f family, messages []*message) []byte {
		sep := `{"conversations":[{"from":"`
		for _, m := range messages {
			line = append(append(append(line, sep...), sharegptRoles[m.Role]...), `","value":`...)
			text := m.text(f)
			if m.Role == llm.System {
				line = canonical.AppendGoString(line, f.preamble)
				line, text = line[:len(line)-1], text[1:] // one string
			}
			line = append(append(line, text...), '}')
			sep = `,{"from":"`
		}
		return append(line, "]}"...)
	},
	recipe:  llamaFactoryRecipe,
	command: "llamafactory-cli train",
	index:   "dataset_info.json", indexType: job.JSON,
	writeIndex: func(w io.Writer, sets []dataSet) error {
		info := map[string]datasetInfo{}
		for _, s := range sets {
			for _, f := range s.Files {
				info[s.Name+"_"+f.Split] = sharegptInfo(f.Path)
			}
		}
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(info)
	},
}

var sharegptRoles = map[string]string{llm.System: "system", llm.User: "human", llm.Assistant: "gpt"}

// A datasetInfo is an entry of dataset_info.json. A tag that is left out has no
// default there, so all are written.
type datasetInfo struct {
	FileName   string            `json:"file_name"`
	Formatting string            `json:"formatting"`
	Columns    map[string]string `json:"columns"`
	Tags       sharegptTags      `json:"tags"`
}

type sharegptTags struct {
	Role        string `json:"role_tag"`
	Content     string `json:"content_tag"`
	User        string `json:"user_tag"`
	Assistant   string `json:"assistant_tag"`
	Observation string `json:"observation_tag"`
	Function    string `json:"function_tag"`
	System      string `json:"system_tag"`
}

func sharegptInfo(file string) datasetInfo {
	return datasetInfo{
		FileName: file, Formatting: "sharegpt", Columns: map[string]string{"messages": "conversations"},
		Tags: sharegptTags{"from", "value", "human", "gpt", "observation", "function_call", "system"},
	}
}

// A llamaFactoryConfig is a training file; unknown keys would stop the trainer.
type llamaFactoryConfig struct {
	Model        string  `yaml:"model_name_or_path"`
	Stage        string  `yaml:"stage"`
	DoTrain      bool    `yaml:"do_train"`
	Finetuning   string  `yaml:"finetuning_type"`
	LoraRank     int     `yaml:"lora_rank"`
	LoraAlpha    int     `yaml:"lora_alpha"`
	LoraDropout  float64 `yaml:"lora_dropout"`
	LoraTarget   string  `yaml:"lora_target"`
	DatasetDir   string  `yaml:"dataset_dir"`
	Dataset      string  `yaml:"dataset"`
	EvalDataset  string  `yaml:"eval_dataset,omitempty"`
	Template     string  `yaml:"template"`
	CutoffLen    int     `yaml:"cutoff_len"`
	MaskHistory  bool    `yaml:"mask_history"` // the last answer alone is trained
	Packing      bool    `yaml:"packing"`
	OutputDir    string  `yaml:"output_dir"`
	LoggingSteps int     `yaml:"logging_steps"`
	SaveStrategy string  `yaml:"save_strategy"`
	EvalStrategy string  `yaml:"eval_strategy,omitempty"`
	ReportTo     string  `yaml:"report_to"`
	schedule     `yaml:",inline"`
}

// A schedule is what both trainers call by the same names.
type schedule struct {
	TrainBatch   int     `yaml:"per_device_train_batch_size"`
	EvalBatch    int     `yaml:"per_device_eval_batch_size,omitempty"`
	Accumulation int     `yaml:"gradient_accumulation_steps"`
	LearningRate float64 `yaml:"learning_rate"`
	Epochs       int     `yaml:"num_train_epochs"`
	Scheduler    string  `yaml:"lr_scheduler_type"`
	WarmupSteps  int     `yaml:"warmup_steps"`
	BF16         bool    `yaml:"bf16"`
	Seed         uint32  `yaml:"seed"`
}

// The recipe's LoRA and schedule: the common starting point for 7B to 8B models.
const (
	loraRank    = 16
	loraAlpha   = 32
	loraDropout = 0.05
)

func (x training) schedule() schedule {
	s := schedule{
		TrainBatch: 1, Accumulation: 8, LearningRate: 1e-4, Epochs: 3, Scheduler: "cosine", WarmupSteps: 10,
		BF16: true, Seed: x.trainerSeed(),
	}
	if x.validated {
		s.EvalBatch = 1
	}
	return s
}

func llamaFactoryRecipe(x training) any {
	c := llamaFactoryConfig{
		Model: x.family.model, Stage: "sft", DoTrain: true, Finetuning: "lora",
		LoraRank: loraRank, LoraAlpha: loraAlpha, LoraDropout: loraDropout, LoraTarget: "all",
		DatasetDir: x.folder(), Dataset: x.set + "_" + train, Template: x.trainer.template(x.family),
		CutoffLen: cutoff, MaskHistory: true, OutputDir: x.output(), LoggingSteps: 10, SaveStrategy: "epoch", ReportTo: "none",
		schedule: x.schedule(),
	}
	if x.validated {
		c.EvalDataset, c.EvalStrategy = x.set+"_"+validation, "epoch"
	}
	return c
}
