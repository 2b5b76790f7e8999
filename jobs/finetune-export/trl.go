package finetuneexport

import "io"

// trl writes prompt and completion, so that the loss is on the completion
// alone. It renders rows with the model's own chat template.
var trl = trainer{
	name:     "trl",
	template: func(family) string { return "" },
	system:   func(f family, text string) string { return f.text(text) },
	row: func(line []byte, f family, messages []*message) []byte {
		last := len(messages) - 1
		line = appendTRL(append(line, `{"prompt":`...), f, messages[:last])
		line = appendTRL(append(line, `,"completion":`...), f, messages[last:])
		return append(line, '}')
	},
	recipe:  trlRecipe,
	command: "trl sft --config",
	index:   cardFile, indexType: markdown,
	writeIndex: func(w io.Writer, sets []dataSet) error { return cards().ExecuteTemplate(w, "folder", sets) },
}

func appendTRL(line []byte, f family, messages []*message) []byte {
	sep := `[{"role":"`
	for _, m := range messages {
		line = append(append(append(line, sep...), m.Role...), `","content":`...)
		line = append(append(line, m.text(f)...), '}')
		sep = `,{"role":"`
	}
	return append(line, ']')
}

// A trlConfig is a training file. TRL passes over keys it does not know, so a
// misspelt one would be lost without a word.
type trlConfig struct {
	Model        string   `yaml:"model_name_or_path"`
	DType        string   `yaml:"dtype"`
	UsePEFT      bool     `yaml:"use_peft"`
	LoraR        int      `yaml:"lora_r"`
	LoraAlpha    int      `yaml:"lora_alpha"`
	LoraDropout  float64  `yaml:"lora_dropout"`
	LoraTargets  []string `yaml:"lora_target_modules"`
	DatasetName  string   `yaml:"dataset_name"`   // a folder with a dataset card
	DatasetConf  string   `yaml:"dataset_config"` // one config of that card
	TrainSplit   string   `yaml:"dataset_train_split"`
	TestSplit    string   `yaml:"dataset_test_split,omitempty"`
	MaxLength    int      `yaml:"max_length"`
	Completion   bool     `yaml:"completion_only_loss"`
	Packing      bool     `yaml:"packing"`
	OutputDir    string   `yaml:"output_dir"`
	LoggingSteps int      `yaml:"logging_steps"`
	SaveStrategy string   `yaml:"save_strategy"`
	EvalStrategy string   `yaml:"eval_strategy,omitempty"`
	ReportTo     string   `yaml:"report_to"`
	schedule     `yaml:",inline"`
}

func trlRecipe(x training) any {
	c := trlConfig{
		Model: x.family.model, DType: "bfloat16", UsePEFT: true,
		LoraR: loraRank, LoraAlpha: loraAlpha, LoraDropout: loraDropout, LoraTargets: []string{"all-linear"},
		DatasetName: x.folder(), DatasetConf: x.set, TrainSplit: train,
		MaxLength: cutoff, Completion: true, OutputDir: x.output(), LoggingSteps: 10, SaveStrategy: "epoch", ReportTo: "none",
		schedule: x.schedule(),
	}
	if x.validated {
		c.TestSplit, c.EvalStrategy = validation, "epoch"
	}
	return c
}
