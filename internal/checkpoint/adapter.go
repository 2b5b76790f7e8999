package checkpoint

import (
	"encoding/json"
	"fmt"
	"strings"
)

// adapter checks an adapter in the form of PEFT.
func (i *inspection) adapter(base string) Facts {
	facts := Facts{Kind: LoRA}
	var config struct {
		Type    string          `json:"peft_type"`
		Rank    int             `json:"r"`
		Targets json.RawMessage `json:"target_modules"`
		Base    string          `json:"base_model_name_or_path"`
	}
	if i.document(adapterFile, python, &config, "save the adapter with its config (model.save_pretrained)") {
		facts.Base = config.Base
		if !strings.EqualFold(config.Type, "LORA") {
			i.add(adapterFile, fmt.Sprintf("its peft_type is %q", config.Type), "train with LORA, or merge the adapter and give the full model")
		}
		if config.Rank <= 0 {
			i.add(adapterFile, fmt.Sprintf("its rank r is %d", config.Rank), saveAgain)
		}
		if targets := string(config.Targets); targets == "" || targets == "null" || targets == "[]" || targets == `""` {
			i.add(adapterFile, "it has no target_modules", saveAgain)
		}
		switch {
		case config.Base == "":
			i.add(adapterFile, "it has no base_model_name_or_path", saveAgain)
		case base != "" && config.Base != base:
			i.add(adapterFile, fmt.Sprintf("it is an adapter of %q, and the experiment wants one of %q", config.Base, base),
				"train from that base, or correct the experiment's train.base")
		}
	}
	i.beside()
	if i.has(adapterModel) {
		i.weights(adapterModel)
	} else {
		i.without(adapterModel, "it is missing")
	}
	return facts
}
