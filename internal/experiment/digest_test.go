package experiment

import (
	"strings"
	"testing"
)

// TestDigestsAndKeys is the table of what looks alike: what says that it is a digest, a
// commit or a UUID is none, and all else that is hexadecimal may be a key.
func TestDigestsAndKeys(t *testing.T) {
	const (
		sha1   = "3f786850e387550fdab836ed7e6dc881de23001b"
		sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
		md5    = "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d"
		uuid   = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
	)
	sha512 := sha256 + strings.ToUpper(sha256)
	for _, s := range []string{
		"data at commit " + sha1, "commit: " + sha1, "commit=" + sha1, "Commit `" + sha1 + "`", "commit hash: " + sha1, "git " + sha1, "HEAD is " + sha1,
		"revision " + sha1, "rev=" + sha1, "tree " + sha1, "sha " + sha1, "SHA-1 " + sha1, "git commit sha " + sha1,
		"sha256 " + sha256, "sha256:" + sha256, "SHA256: " + strings.ToUpper(sha256), "sha256sum " + sha256, "sha256 of " + sha256, "sha512 " + sha512, "md5: " + md5, "digest (sha256) " + sha256,
		"digest " + sha256, "checksum " + sha256, "artifact " + sha256, "blob " + sha256,
		"commits " + sha1 + " and " + sha1, "commits " + sha1 + ", " + sha1 + ", " + sha1, "commit " + sha1 + ".." + sha1,
		"data/" + sha256 + "/traces", "models--a--b/snapshots/" + sha1, "snapshots/" + sha1 + "/config.json", "blobs/" + sha256, sha1 + "/traces", sha256 + ".json",
		"org/model@" + sha1, "model@" + sha256, "gymline@sha256:" + sha256, "ghcr.io/org/gymline:" + sha1,
		"https://github.com/a/b/commit/" + sha1, "https://github.com/a/b/tree/" + sha1 + "/data", "https://huggingface.co/a/b/resolve/" + sha1 + "/x.json",
		uuid, "run " + uuid, "urn:uuid:" + uuid, strings.ToUpper(uuid), "uuid " + md5,
		strings.Repeat("a", 50), strings.Repeat("0", 40), strings.Repeat("deadbeef", 8), strings.Repeat("12345678", 5),
		"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8", "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
	} {
		if holdsSecret(s) {
			t.Errorf("%q is taken for a secret: %q", s, elide(s))
		}
	}
	for _, s := range []string{
		sha1, sha256, md5, sha512, "key " + md5, "# key " + sha1, "token=" + sha256, "password: " + md5, "api-key: " + sha1, "secret " + sha256, "x " + md5,
		"sha256:" + sha1, "sha256 " + sha256 + "0", "sha1 " + sha256, "md5 " + sha1, "commit " + sha1 + "0", "commits are good, and the key is " + sha1,
		"commit " + sha1 + " key " + md5, "commit " + sha1 + " " + md5,
		"key-" + md5, "gymline:" + md5, "https://api.example.com/" + md5, "https://api.example.com/" + sha1 + "/v1", "https://" + sha1 + "@example.com", "https://me:" + sha1 + "@example.com",
		"@" + sha1, "sk-" + md5, "Bearer " + md5, "commit sk-abcdefgh12345678", "sha256 AKIAIOSFODNN7EXAMPLE", "digest q7Rk2Zx9Lm4Tw8Vb1Nc6Yd3Pf5Hs0Ga",
		"sha256-q7Rk2Zx9Lm4Tw8Vb1Nc6Yd3Pf5Hs0Ga",
	} {
		if !holdsSecret(s) {
			t.Errorf("%q is not taken for a secret", s)
		}
	}
}

// TestWhereDigestsStand: a file may write digests down, and keys stay refused.
func TestWhereDigestsStand(t *testing.T) {
	const commit, key = "3f786850e387550fdab836ed7e6dc881de23001b", "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d"
	text := func(comment, description, path, model string) string {
		return "# " + comment + "\napiVersion: gymline/v1alpha1\nkind: Experiment\nmetadata: {name: x, description: " + description + "}\nspec:\n" +
			"  inputs: {pb: {path: " + path + "}}\n  models: {m: {provider: openai, baseURL: 'https://example.com/v1', model: " + model + "}}\n" +
			"  evaluate: {benchmark: {input: pb, path: .}, candidates: [{name: a, model: m}], judge: {model: m}}\n"
	}
	if _, err := Load("f", []byte(text("at commit "+commit, "data of commit "+commit, "data/"+commit, "org/name@"+commit)), Options{}); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{text(key, "d", "p", "m"), text("c", "a "+key, "p", "m"), text("c", "d", key, "m"), text("c", "d", "p", key)} {
		_, err := Load("f", []byte(bad), Options{})
		check(t, key, "alone", err, true)
		if err != nil && !strings.Contains(err.Error(), "or say what it is if it is no secret: commit") {
			t.Errorf("the message does not say how to write a digest: %v", err)
		}
	}
}
