package experiment

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

func (l *loader) checkProfile(p *Profile) {
	if s := &p.Spec.Store; !l.given("spec.store") {
		s.Folder = defaultFolder()
	} else if s.Embedded != nil {
		s.Folder, s.Embedded = s.Embedded, nil
	}
	if s3 := p.Spec.Store.S3; s3 != nil {
		l.checkStoreKeys(s3)
	}
	r := p.Spec.Retries
	if path := "spec.retries.maxBackoff"; !l.bad[path] && !l.bad["spec.retries.backoff"] && r.MaxBackoff < r.Backoff {
		l.wrong(path, fmt.Sprintf("%s is less than backoff, %s", r.MaxBackoff, r.Backoff), "raise maxBackoff or lower backoff")
	}
	if p.Spec.Engine == EngineArgo && p.Spec.Argo != nil && !l.bad["spec.argo"] {
		l.checkArgo(p)
	}
}

// checkStoreKeys holds that what belongs together is given together.
func (l *loader) checkStoreKeys(s *S3) {
	const path = "spec.store.s3"
	const both = "give accessKey and secretKey, or neither, so that the keys are found where S3 clients look"
	switch {
	case s.AccessKey == nil && s.SecretKey != nil && !l.bad[path+".accessKey"]:
		l.wrong(path+".accessKey", "is missing, and secretKey is given", both)
	case s.AccessKey != nil && s.SecretKey == nil && !l.bad[path+".secretKey"]:
		l.wrong(path+".secretKey", "is missing, and accessKey is given", both)
	case s.AccessKey == nil && s.SessionToken != nil:
		l.wrong(path+".sessionToken", "belongs to keys that are not given", both)
	}
}

func (l *loader) checkArgo(p *Profile) {
	a := p.Spec.Argo
	if path := "spec.store"; p.Spec.Store.S3 == nil && !l.bad[path] {
		l.wrong(path, "pods cannot reach a folder of this machine", "give s3, a server that pods and this machine reach")
	}
	if s3 := p.Spec.Store.S3; s3 != nil {
		l.checkKeyOfPods(a, s3.AccessKey, "spec.store.s3.accessKey")
		if s3.AccessKey == nil || s3.SecretKey == nil || *s3.SecretKey != *s3.AccessKey {
			l.checkKeyOfPods(a, s3.SecretKey, "spec.store.s3.secretKey")
		}
		l.checkKeyOfPods(a, s3.SessionToken, "spec.store.s3.sessionToken")
	}
	for i, n := range p.Spec.Notify {
		at := fmt.Sprintf("spec.notify[%d]", i)
		l.checkKeyOfPods(a, &n.URL, at+".url")
		l.checkKeyOfPods(a, n.Secret, at+".secret")
	}
	if s := p.Spec.Sign; s != nil {
		l.checkKeyOfPods(a, &s.Key, "spec.sign.key")
	}
	for _, name := range slices.Sorted(maps.Keys(a.Secrets)) {
		if path := "spec.argo.secrets." + name; strings.HasPrefix(name, "GYMLINE_") || name == "PATH" || name == "HOME" {
			l.wrong(path, "is a variable that pods set themselves", "use another variable")
		}
	}
	l.checkTrainerKeys(p)
	for _, step := range slices.Sorted(maps.Keys(a.Resources)) {
		l.checkResources(a.Resources[step], "spec.argo.resources."+step)
	}
}

// checkKeyOfPods holds that pods find what the profile names.
func (l *loader) checkKeyOfPods(a *Argo, key *SecretRef, from string) {
	const path = "spec.argo.secrets"
	if key == nil {
		return
	}
	if _, there := a.Secrets[key.Env]; !there && !l.bad[path] && l.ok(from+".env") {
		l.wrong(path+"."+key.Env, "is missing, and "+from+" names it", secretEntry)
	}
}

// checkTrainerKeys holds that a trainer's keys are not the store's own.
func (l *loader) checkTrainerKeys(p *Profile) {
	a, s3 := p.Spec.Argo, p.Spec.Store.S3
	const path = "spec.argo.trainerKeys"
	if a.TrainerKeys == nil || s3 == nil || l.bad[path] {
		return
	}
	for _, own := range []*SecretRef{s3.AccessKey, s3.SecretKey, s3.SessionToken} {
		if own == nil {
			continue
		}
		if key, there := a.Secrets[own.Env]; there && (key == a.TrainerKeys.SecretKey || key == a.TrainerKeys.AccessKey) {
			l.wrong(path, fmt.Sprintf("names %s of the Secret %s, which is of the store's own keys", key.Key, key.Name), trainerEntry)
			return
		}
	}
}

// trainerEntry is the remedy for a trainJob without keys of its own.
const trainerEntry = "make a user of the store with the policy manifests/store/policy-trainer.json, put its keys into a Kubernetes Secret, and name that here"

// secretEntry is the remedy for a variable that pods would not find.
const secretEntry = "add it, with the name of a Kubernetes Secret and a key within it"

// checkResources compares what can be compared: the rule has spoken of the rest.
func (l *loader) checkResources(r Resources, parent string) {
	for _, name := range slices.Sorted(maps.Keys(r.Limits)) {
		limit, request := r.Limits[name], r.Requests[name]
		if !rules["quantity"].holds(limit) || !rules["quantity"].holds(request) {
			continue
		}
		path, most := parent+".limits."+name, resource.MustParse(limit)
		if most.Cmp(resource.MustParse(request)) < 0 {
			l.wrong(path, fmt.Sprintf("%s is less than the request, %s", limit, request), "raise the limit or lower the request")
		}
	}
}
