package experiment

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ByTag names the fields whose image goes by a tag, which whoever pushes may move
// under a run; e or p may be nil.
func ByTag(e *Experiment, p *Profile) (fields []string) {
	add := func(field, image string) {
		if image != "" && !strings.Contains(image, "@") {
			fields = append(fields, fmt.Sprintf("%s (%s)", field, image))
		}
	}
	if p != nil && p.Spec.Engine == EngineArgo && p.Spec.Argo != nil {
		add("spec.argo.image", p.Spec.Argo.Image)
	}
	if e == nil {
		return fields
	}
	for _, name := range slices.Sorted(maps.Keys(e.Spec.Train)) {
		t := e.Spec.Train[name]
		if t.Container != nil {
			add("spec.train."+name+".container.image", t.Container.Image)
		}
		if t.TrainJob != nil {
			add("spec.train."+name+".trainJob.image", t.TrainJob.Image)
		}
	}
	return fields
}
