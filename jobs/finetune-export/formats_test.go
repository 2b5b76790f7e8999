package finetuneexport

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/gymline/gymline/internal/dataset"
	"github.com/gymline/gymline/internal/job/jobtest"
	"github.com/gymline/gymline/internal/llm"
	"github.com/gymline/gymline/internal/prompt"
	"github.com/gymline/gymline/internal/store"
)

// llamaFactoryKeys are documented arguments of LLaMA-Factory 0.9.x (model, data,
// finetuning and training arguments); it stops at any other.
var llamaFactoryKeys = strings.Fields(`model_name_or_path stage do_train finetuning_type lora_rank lora_alpha lora_dropout lora_target
	dataset_dir dataset eval_dataset template cutoff_len mask_history packing output_dir logging_steps save_strategy eval_strategy
	report_to per_device_train_batch_size per_device_eval_batch_size gradient_accumulation_steps learning_rate num_train_epochs
	lr_scheduler_type warmup_steps bf16 seed`)

// trlKeys are documented arguments of TRL's sft script (ScriptArguments,
// SFTConfig, ModelConfig); it passes over any other.
var trlKeys = strings.Fields(`model_name_or_path dtype use_peft lora_r lora_alpha lora_dropout lora_target_modules
	dataset_name dataset_config dataset_train_split dataset_test_split max_length completion_only_loss packing output_dir logging_steps
	save_strategy eval_strategy report_to per_device_train_batch_size per_device_eval_batch_size gradient_accumulation_steps
	learning_rate num_train_epochs lr_scheduler_type warmup_steps bf16 seed`)

// validate holds every file of an export against its trainer's rules.
func validate(t *testing.T, res *jobtest.Result) {
	t.Helper()
	m, written := manifest(t, res), names(res)
	card := frontMatter(t, res, cardFile)
	for _, f := range m.Files {
		if !slices.Contains(written, f.Path) {
			t.Errorf("the manifest lists %s, which is not written", f.Path)
		}
		data := res.Output(t, f.Path)
		if a, err := res.Records[0].Output(f.Path); err != nil || a.Rows != int64(f.Rows) {
			t.Errorf("%s: %d rows, and the manifest has %d (%v)", f.Path, a.Rows, f.Rows, err)
		}
		if string(f.Digest) != string(store.DigestOf(data)) || f.Bytes != int64(len(data)) {
			t.Errorf("%s: the manifest has another digest or size", f.Path)
		}
		switch {
		case f.Split != "" && f.Trainer == "llama-factory":
			n := 0
			for _, row := range decode[sharegptRow](t, data) {
				checkSharegpt(t, f.Path, row)
				n++
			}
			if n != f.Rows {
				t.Errorf("%s has %d rows, the manifest says %d", f.Path, n, f.Rows)
			}
		case f.Split != "":
			for _, row := range decode[promptCompletion](t, data) {
				checkPromptCompletion(t, f.Path, row)
			}
		case strings.HasSuffix(f.Path, ".yaml") && f.Trainer == "llama-factory":
			checkLlamaFactoryRecipe(t, res, f, data)
		case strings.HasSuffix(f.Path, ".yaml"):
			checkTRLRecipe(t, res, f, data)
		}
		if strings.Contains(string(data), "null") && strings.HasSuffix(f.Path, ".jsonl") {
			t.Errorf("%s holds a null", f.Path)
		}
	}
	if len(m.Files)+1 != len(written) {
		t.Errorf("%d outputs, but the manifest lists %d", len(written), len(m.Files))
	}
	for _, c := range card.Configs {
		for _, d := range c.DataFiles {
			if !slices.Contains(written, d.Path) {
				t.Errorf("card: config %s needs %s, which is not written", c.Name, d.Path)
			}
		}
	}
}

func checkSharegpt(t *testing.T, path string, row sharegptRow) {
	t.Helper()
	c := row.Conversations
	if len(c) < 3 || c[0].From != "system" || strings.TrimSpace(c[0].Value) == "" {
		t.Fatalf("%s: a row does not start with a system text and a pair of turns: %+v", path, c)
	}
	if len(c[1:])%2 != 0 {
		t.Errorf("%s: %d turns after the system text, want an even count", path, len(c)-1)
	}
	for i, m := range c[1:] {
		if want := []string{"human", "gpt"}[i%2]; m.From != want {
			t.Errorf("%s: turn %d is from %s, want %s", path, i, m.From, want)
		}
		if m.Value == "" {
			t.Errorf("%s: turn %d is empty", path, i)
		}
	}
}

func checkPromptCompletion(t *testing.T, path string, row promptCompletion) {
	t.Helper()
	if len(row.Completion) != 1 || row.Completion[0].Role != llm.Assistant {
		t.Fatalf("%s: the completion must be one assistant message: %+v", path, row.Completion)
	}
	if len(row.Prompt) < 2 || row.Prompt[0].Role != llm.System || row.Prompt[len(row.Prompt)-1].Role != llm.User {
		t.Fatalf("%s: the prompt must go from system to user: %+v", path, row.Prompt)
	}
}

func keys(t *testing.T, path string, data []byte, known []string) map[string]any {
	t.Helper()
	var c map[string]any
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, k := range slices.Sorted(maps.Keys(c)) {
		if !slices.Contains(known, k) {
			t.Errorf("%s: %s is no argument of the trainer", path, k)
		}
	}
	return c
}

func checkLlamaFactoryRecipe(t *testing.T, res *jobtest.Result, f dataset.File, data []byte) {
	t.Helper()
	c := keys(t, f.Path, data, llamaFactoryKeys)
	want := map[string]string{"llama3.1": "llama3", "qwen2.5": "qwen"}[f.Family]
	if c["template"] != want || c["stage"] != "sft" || c["mask_history"] != true || c["do_train"] != true {
		t.Errorf("%s: %v", f.Path, c)
	}
	var info map[string]map[string]any
	if err := json.Unmarshal(res.Output(t, c["dataset_dir"].(string)+"/dataset_info.json"), &info); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"dataset", "eval_dataset"} {
		name, ok := c[key].(string)
		if !ok {
			continue
		}
		entry := info[name]
		if entry == nil {
			t.Fatalf("%s: %s %s is not in dataset_info.json", f.Path, key, name)
		}
		if got := slices.Sorted(maps.Keys(entry)); !slices.Equal(got, []string{"columns", "file_name", "formatting", "tags"}) || entry["formatting"] != "sharegpt" {
			t.Errorf("dataset_info.json: %s has %v", name, entry)
		}
		tags := slices.Sorted(maps.Keys(entry["tags"].(map[string]any)))
		if !slices.Equal(tags, []string{"assistant_tag", "content_tag", "function_tag", "observation_tag", "role_tag", "system_tag", "user_tag"}) {
			t.Errorf("dataset_info.json: %s has the tags %v", name, tags)
		}
		if !slices.Contains(names(res), c["dataset_dir"].(string)+"/"+entry["file_name"].(string)) {
			t.Errorf("dataset_info.json: %s names a file that is not written", name)
		}
	}
	if (c["eval_dataset"] == nil) != (c["eval_strategy"] == nil) {
		t.Errorf("%s: eval_dataset and eval_strategy go together", f.Path)
	}
}

type cardHead struct {
	Tags    []string `yaml:"tags"`
	Configs []struct {
		Name      string `yaml:"config_name"`
		Default   bool   `yaml:"default"`
		DataFiles []struct {
			Split string `yaml:"split"`
			Path  string `yaml:"path"`
		} `yaml:"data_files"`
	} `yaml:"configs"`
}

func frontMatter(t *testing.T, res *jobtest.Result, path string) (head cardHead) {
	t.Helper()
	parts := strings.SplitN(string(res.Output(t, path)), "---\n", 3)
	if len(parts) != 3 || parts[0] != "" {
		t.Fatal("the card has no front matter")
	}
	if err := yaml.Unmarshal([]byte(parts[1]), &head); err != nil {
		t.Fatal(err)
	}
	return head
}

func checkTRLRecipe(t *testing.T, res *jobtest.Result, f dataset.File, data []byte) {
	t.Helper()
	c := keys(t, f.Path, data, trlKeys)
	if c["completion_only_loss"] != true || c["max_length"] != uint64(cutoff) {
		t.Errorf("%s: %v", f.Path, c)
	}
	folder := c["dataset_name"].(string)
	if folder == "." { // Hugging Face's loader takes a data set's name from its folder's
		t.Errorf("%s: the data set has no name", f.Path)
	}
	for _, config := range frontMatter(t, res, folder+"/README.md").Configs {
		if config.Name != c["dataset_config"] {
			continue
		}
		var splits []any
		for _, d := range config.DataFiles {
			splits = append(splits, d.Split)
			if !slices.Contains(names(res), folder+"/"+d.Path) {
				t.Errorf("%s: %s is not written", f.Path, d.Path)
			}
		}
		if !slices.Contains(splits, c["dataset_train_split"]) || c["dataset_test_split"] != nil && !slices.Contains(splits, c["dataset_test_split"]) {
			t.Errorf("%s: the card's config has the splits %v", f.Path, splits)
		}
		return
	}
	t.Errorf("%s: the card has no config %v", f.Path, c["dataset_config"])
}

func TestFilesObeyTheirTrainers(t *testing.T) {
	res := mustRun(t, params(), episodes(t))
	validate(t, res)
	if head := frontMatter(t, res, cardFile); !slices.Contains(head.Tags, "simulated") || !head.Configs[0].Default {
		t.Errorf("card: %+v", head)
	}

	p := params()
	p.Validation, p.Families, p.Sets = 0, []string{"qwen2.5"}, []string{"reward"}
	res = mustRun(t, p, episodes(t))
	validate(t, res)
	for _, name := range names(res) {
		if strings.Contains(name, "llama3.1") || strings.Contains(name, "agent") || strings.Contains(name, "validation") {
			t.Errorf("%s was not asked for", name)
		}
	}
}

// renderLlama and renderQwen are the models' own chat templates for plain
// conversations, as published with Llama 3.1 Instruct and Qwen2.5 Instruct.
func renderLlama(msgs []llm.Message) string {
	var b strings.Builder
	b.WriteString("<|begin_of_text|>")
	for i, m := range msgs {
		b.WriteString("<|start_header_id|>" + m.Role + "<|end_header_id|>\n\n")
		if i == 0 {
			b.WriteString("Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n")
		}
		b.WriteString(strings.TrimSpace(m.Content) + "<|eot_id|>")
	}
	return b.String()
}

func renderQwen(msgs []llm.Message) string {
	var b strings.Builder
	for _, m := range msgs {
		b.WriteString("<|im_start|>" + m.Role + "\n" + m.Content + "<|im_end|>\n")
	}
	return b.String()
}

// renderLlamaFactory is what LLaMA-Factory makes of a row by its templates
// llama3 and qwen.
func renderLlamaFactory(template string, row sharegptRow) string {
	var b strings.Builder
	if template == "llama3" {
		b.WriteString("<|begin_of_text|>")
	}
	for _, m := range row.Conversations {
		role := map[string]string{"system": "system", "human": "user", "gpt": "assistant"}[m.From]
		if template == "llama3" {
			b.WriteString("<|start_header_id|>" + role + "<|end_header_id|>\n\n" + m.Value + "<|eot_id|>")
		} else {
			b.WriteString("<|im_start|>" + role + "\n" + m.Value + "<|im_end|>\n")
		}
	}
	return b.String()
}

// TestTrainingTextIsServingText renders each row as each trainer does and holds
// it against what the model's own template, which servers use, makes of the
// messages that the evaluation sends.
func TestTrainingTextIsServingText(t *testing.T) {
	res := mustRun(t, params(), episodes(t))
	for _, c := range []struct {
		family, template string
		render           func([]llm.Message) string
	}{{"llama3.1", "llama3", renderLlama}, {"qwen2.5", "qwen", renderQwen}} {
		for _, file := range []string{"agent_train", "agent_validation", "reward_train", "reward_validation"} {
			// The qwen2.5 rows of TRL are the messages as they are sent.
			sent := decode[promptCompletion](t, res.Output(t, "trl/qwen2.5/"+file+".jsonl"))
			byTRL := decode[promptCompletion](t, res.Output(t, "trl/"+c.family+"/"+file+".jsonl"))
			byLF := decode[sharegptRow](t, res.Output(t, "llama-factory/"+c.family+"/"+file+".jsonl"))
			if len(sent) == 0 || len(byTRL) != len(sent) || len(byLF) != len(sent) {
				t.Fatalf("%s %s: %d, %d and %d rows", c.family, file, len(sent), len(byTRL), len(byLF))
			}
			for i := range sent {
				want := c.render(slices.Concat(sent[i].Prompt, sent[i].Completion))
				if got := c.render(slices.Concat(byTRL[i].Prompt, byTRL[i].Completion)); got != want {
					t.Errorf("%s %s:%d: TRL renders\n%s\nwant\n%s", c.family, file, i+1, got, want)
				}
				if got := renderLlamaFactory(c.template, byLF[i]); got != want {
					t.Errorf("%s %s:%d: LLaMA-Factory renders\n%s\nwant\n%s", c.family, file, i+1, got, want)
				}
			}
		}
	}
}

// TestAgentRowIsTheGymsConversation holds a row against the messages that the
// gym and the evaluation send for the same turn.
func TestAgentRowIsTheGymsConversation(t *testing.T) {
	row := decode[promptCompletion](t, mustRun(t, params(), episodes(t)).Output(t, "trl/qwen2.5/agent_train.jsonl"))[2]
	want := []llm.Message{
		{Role: "system", Content: prompt.AgentSystem("", 1)},
		{Role: "user", Content: "[1717378000.744] The user opens the browser."},
		{Role: "assistant", Content: `{"tasks":[]}`},
		{Role: "user", Content: "[1717378012.1] The user searches for “night train to Graz”."},
		{Role: "assistant", Content: `{"tasks":["Book a night train to Graz"]}`},
		{Role: "user", Content: "[user] declined the offer\n[1717378030] The user opens the ticket page. "},
		{Role: "assistant", Content: `{"tasks":[]}`},
		{Role: "user", Content: "[1717378055.5] The page reports that the session has expired, and the user goes back."},
	}
	if !slices.Equal(row.Prompt, want) {
		t.Errorf("prompt %+v", row.Prompt)
	}
	if got := row.Completion[0].Content; got != `{"tasks":["Fill in the passengers' names again"]}` {
		t.Errorf("completion %s", got)
	}
}
