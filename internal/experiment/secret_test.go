package experiment

import (
	"strings"
	"testing"
)

// secrets are made up, in the forms that issuers give theirs.
var secretForms = []string{
	"sk-abcdefgh12345678", "sk-proj-Ab3dEf6hIj9lMn2pQr5t_uVwXyZ01-23", "sk-ant-api03-0a1b2c3d4e5f",
	"AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "github_pat_11ABCDEFG0abcdefghij_1234567890", "glpat-abcDEF123456",
	"hf_abcdefghijklmnopqrstuvwxyz0123456789", "gsk_abcdefgh01234567", "xoxb-123456789012-abcdefghijkl",
	"AIzaSyA1234567890abcdefghijklmnopqrstu", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
	"0123456789abcdef0123456789abcdef", "d2f5c8a1b4e7093f6a2c5d8e1b4f7a0c3d6e9f2b", "q7Rk2Zx9Lm4Tw8Vb1Nc6Yd3Pf5Hs0Ga",
	"Bearer abcdefghijkl", "Basic dXNlcjpwYXNzd29yZDE=", "https://me:hunter2@example.com/v1", "sk_live_abcdefgh12345678",
}

// TestSecretsNeverShow puts each secret into every place of a file, and holds
// that it is refused, and that the error does not show it.
func TestSecretsNeverShow(t *testing.T) {
	const text = `apiVersion: gymline/v1alpha1
kind: Experiment
metadata: {name: x, description: DESCRIPTION}
spec:
  inputs: {pb: {path: PATH}}
  models:
    m: {provider: openai, baseURL: URL, model: MODEL, apiKey: KEY, KEYNAME: 1}
  reward:
    data: {proactivebench: {input: INPUT, path: .}, TEXT: false}
    folds: FOLDS
    COMMENT
`
	places := map[string]string{
		"DESCRIPTION": "d", "PATH": "data", "URL": "https://example.com", "MODEL": "big", "KEY": "{env: K}", "KEYNAME": "maxTokens",
		"INPUT": "pb", "TEXT": "gym", "FOLDS": "0", "COMMENT": "# comment",
	}
	fill := func(place, with string) string {
		out := text
		for p, value := range places {
			if p == place {
				value = with
			}
			out = strings.Replace(out, " "+p, " "+value, 1)
			out = strings.Replace(out, "{"+p, "{"+value, 1)
		}
		return out
	}
	for _, secret := range secretForms {
		quoted := `"` + secret + `"`
		forms := map[string]string{"COMMENT": "# key " + secret}
		for place := range places {
			if forms[place] == "" {
				forms[place] = quoted
			}
		}
		for place, form := range forms {
			_, err := Load("f", []byte(fill(place, form)), Options{})
			check(t, secret, "at "+place, err, true)
		}
		_, err := Load("f", []byte(fill("FOLDS", "[ "+quoted)), Options{}) // no YAML
		check(t, secret, "in a broken file", err, false)
		for _, set := range []string{
			"models.m.apiKey=" + secret, "models.m.model=" + quoted, "reward.folds=" + quoted, "reward." + secret + "=1", secret + "=1",
			"evaluate=" + secret, "reward={" + secret, "=" + secret, secret,
		} {
			_, err := Load("f", []byte(fill("", "")), Options{Set: []string{set}})
			check(t, secret, "in --set", err, false)
		}
		_, err = Load("f", []byte(fill("", "")), Options{Inputs: map[string]string{secret: secret}})
		check(t, secret, "in --input", err, false)
	}
}

// check holds that err is there, names the secret as such if it should, and shows no part of it.
func check(t *testing.T, secret, where string, err error, named bool) {
	t.Helper()
	if err == nil {
		t.Errorf("%s %s: accepted", secret, where)
		return
	}
	if named && !strings.Contains(err.Error(), "what looks like a secret") {
		t.Errorf("%s %s: not refused as a secret: %v", secret, where, err)
	}
	const host = "https://example.com/v1"  // is no secret
	for i := 0; i+10 <= len(secret); i++ { // no ten characters of it in a row
		if part := secret[i : i+10]; strings.Contains(err.Error(), part) && !strings.Contains(host, part) {
			t.Errorf("%s %s: the error shows %q: %v", secret, where, part, err)
			return
		}
	}
}

func TestNotSecrets(t *testing.T) {
	for _, s := range []string{
		"", "quickstart", "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "https://api.openai.com/v1", "http://127.0.0.1:9000",
		"https://generativelanguage.googleapis.com/v1beta/openai/", "https://my-resource.openai.azure.com/openai/v1",
		"gpt-4o-mini-2024-07-18", "meta-llama/Meta-Llama-3.1-8B-Instruct-AWQ-INT4", "Qwen/Qwen2.5-Coder-32B-Instruct-GPTQ-Int4",
		"accounts/fireworks/models/llama-v3p1-405b-instruct", "claude-sonnet-4-20250514", "mistralai/Mixtral-8x22B-Instruct-v0.1",
		"bartowski/DeepSeek-R1-Distill-Qwen-1.5B-GGUF:Q4_K_M", "reward_data/train_data.jsonl", "traces/llama3.1-8b",
		"The reward model of 1,629 human judgements, and four published agents scored on 233 events.",
		"a basic instruction set", "bearer of news", "task-oriented-assistants", "risk-averse_evaluation", "antidisestablishmentarianism",
		"example.com/gymline:dev@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "gymline:v0.1.0",
		"write me@example.com", "2024-07-18T12:00:00Z", "internationalization20240718",
	} {
		if holdsSecret(s) {
			t.Errorf("%q is taken for a secret: %q", s, elide(s))
		}
	}
}

// TestImageDigests holds that nothing hides behind the one exception.
func TestImageDigests(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	for _, s := range []string{
		hex, "gymline:" + hex, "gymline@sha256:" + hex + "0", "gymline@sha256:" + hex[1:], "gymline@sha512:" + hex,
		"https://me:hunter2@sha256:" + hex, "gymline@sha256:" + hex + " " + hex,
		"sk-abcdefgh12345678@sha256:" + hex, "gymline@sha256:" + hex + "/q7Rk2Zx9Lm4Tw8Vb1Nc6Yd3Pf5Hs0Ga",
	} {
		if !holdsSecret(s) {
			t.Errorf("%q is not taken for a secret", s)
		}
	}
}
