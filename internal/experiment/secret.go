package experiment

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// imageDigest is what pins an image. It is no secret, though it looks like one.
const imageDigest = `@sha256:[0-9a-f]{64}`

// knownSecrets match credentials by the marks that their issuers give them; and
// image digests, so that nothing else matches a part of one.
var knownSecrets = lazily(strings.Join([]string{
	imageDigest + `\b`,
	`\bsk-[A-Za-z0-9_-]{8,}`,                      // OpenAI, Anthropic and others
	`\b[rsp]k_(?:live|test)_[A-Za-z0-9]{8,}`,      // Stripe
	`\b(?:AKIA|ASIA)[A-Z0-9]{12,}`,                // AWS access key ID
	`\bgh[pousr]_[A-Za-z0-9]{8,}`,                 // GitHub
	`\bgithub_pat_[A-Za-z0-9_]{8,}`,               //
	`\bglpat-[A-Za-z0-9_-]{8,}`,                   // GitLab
	`\b(?:hf|gsk|r8|fw|nvapi)[_-][A-Za-z0-9]{8,}`, // Hugging Face, Groq, Replicate, Fireworks, NVIDIA
	`\bxox[a-z]-[A-Za-z0-9-]{8,}`,                 // Slack
	`\bAIza[A-Za-z0-9_-]{16,}`,                    // Google
	`\beyJ[A-Za-z0-9_-]{16,}[A-Za-z0-9_.-]*`,      // JSON web token
	`(?i)\bbearer\s+[A-Za-z0-9_.~+/=-]{8,}`,
	`(?i)\bbasic\s+[A-Za-z_.~+/=-]*[0-9][A-Za-z0-9_.~+/=-]{4,}`,
	`-----BEGIN [A-Z ]*PRIVATE KEY[^\n]*`,
	`://[^/\s@]+@`, // credentials in a URL
}, "|"))

// hexadecimal is a key of any issuer, or a digest or commit; see digests.
var hexadecimal = lazily(`\b[0-9A-Fa-f]{32,}\b`)

// wordlike is what a random secret of no known issuer would be a piece of.
var wordlike = lazily(`[A-Za-z0-9+/=]{20,}`)

func isImageDigest(match string) bool { return strings.HasPrefix(match, "@sha256:") }

// looksRandom tells a random key from a long word: its characters change class
// (capital, small, digit) far more often than names do.
func looksRandom(s string) bool {
	class := func(r rune) int {
		switch {
		case unicode.IsDigit(r):
			return 1
		case unicode.IsUpper(r):
			return 2
		}
		return 3
	}
	changes, digits, before := 0, 0, 0
	for i, r := range s {
		c := class(r)
		if c == 1 {
			digits++
		}
		if i > 0 && c != before {
			changes++
		}
		before = c
	}
	return digits > 0 && digits < len(s) && changes*10 >= len(s)*3
}

// secretsIn returns where a text holds what looks like a secret, in order.
func secretsIn(s string) (found [][]int) {
	rest := []byte(s) // without what is told by its marks, and without digests
	for _, at := range knownSecrets().FindAllStringIndex(s, -1) {
		if !isImageDigest(s[at[0]:at[1]]) {
			found = append(found, at)
		}
		blank(rest, at)
	}
	for _, at := range digests(s) {
		blank(rest, at)
	}
	for _, at := range hexadecimal().FindAllIndex(rest, -1) {
		found = append(found, at)
		blank(rest, at)
	}
	for _, at := range wordlike().FindAllIndex(rest, -1) {
		if looksRandom(s[at[0]:at[1]]) {
			found = append(found, at)
		}
	}
	slices.SortFunc(found, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	return found
}

func blank(text []byte, at []int) {
	for i := at[0]; i < at[1]; i++ {
		text[i] = 0
	}
}

// elide replaces what looks like a secret. Every text that came from a file
// passes through it before it is shown.
func elide(s string) string {
	var b strings.Builder
	done := 0
	for _, at := range secretsIn(s) {
		b.WriteString(s[done:at[0]] + "[secret]")
		done = at[1]
	}
	return b.String() + s[done:]
}

func holdsSecret(s string) bool { return len(secretsIn(s)) > 0 }

const (
	secretFix = "take it out, revoke it if anyone has seen the file, and refer to it as {env: NAME}"
	digestFix = ", or say what it is if it is no secret: commit …, sha256:…, uuid …"
)

// secrets finds what looks like a secret below n, in keys and values alike. key is
// what n is the value of: "revision" tells that a value is a commit.
func (l *loader) secrets(n *node, path, key string) {
	known := len(key) + 2
	if found := secretsIn(key + ": " + n.text); n.text != "" && slices.ContainsFunc(found, func(at []int) bool { return at[1] > known }) {
		l.addSecret(n.at, path, n.text)
	}
	for i, item := range n.items {
		l.secrets(item, fmt.Sprintf("%s[%d]", path, i), key)
	}
	for _, e := range n.entries {
		below := join(path, e.key)
		if holdsSecret(e.key) {
			l.addSecret(e.at, below, e.key)
		}
		l.secrets(e.value, below, e.key)
	}
}

func (l *loader) addSecret(at place, path, text string) {
	l.add(at, path, "holds what looks like a secret", secretFixOf(text))
	l.secret[path] = true
}

// secretFixOf says what to do about the secrets in a text.
func secretFixOf(text string) string {
	for _, at := range secretsIn(text) {
		if hexadecimal().MatchString(text[at[0]:at[1]]) {
			return secretFix + digestFix
		}
	}
	return secretFix
}
