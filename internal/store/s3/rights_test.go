package s3_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/gymline/gymline/internal/store"
	"github.com/gymline/gymline/internal/store/miniotest"
	"github.com/gymline/gymline/internal/store/s3"
	"github.com/gymline/gymline/internal/store/storetest"
)

// Who only reads makes no bucket, and is told that there is none.
func TestReadingMakesNoBucket(t *testing.T) {
	t.Parallel()
	srv := miniotest.Start(t)
	for range 2 {
		_, err := s3.OpenExisting(t.Context(), srv.Config("absent"))
		storetest.WantError(t, err, store.Misconfigured, `"absent"`)
	}
	open(t, srv.Config("there"))
	b, err := s3.OpenExisting(t.Context(), srv.Config("there"))
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
}

// Rights on a prefix are enough; what they lack is named.
func TestRightsOnAPrefix(t *testing.T) {
	t.Parallel()
	srv := miniotest.Start(t)
	open(t, srv.Config("shared"))
	var denied atomic.Value
	denied.Store("")
	c := srv.Config("shared")
	c.Prefix = "team-a"
	b := through(t, c, func(next http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			of := r.URL.Query().Get("prefix")
			bucket := strings.Trim(r.URL.Path, "/") == "shared"
			if bucket && !strings.HasPrefix(of, "team-a/") || !bucket && !strings.HasPrefix(r.URL.Path, "/shared/team-a/") || r.Method == denied.Load() {
				answer(w, http.StatusForbidden, "AccessDenied")
				return
			}
			next.ServeHTTP(w, r)
		}
	})
	if err := b.Create(t.Context(), "k", []byte("x")); err != nil {
		t.Error(err)
	}
	for key, err := range b.List(t.Context(), "") {
		if err != nil || key != "k" {
			t.Errorf("%q, %v", key, err)
		}
	}
	denied.Store(http.MethodPut)
	storetest.WantError(t, b.Put(t.Context(), "k", bytes.NewReader(nil), 0), store.Misconfigured, "s3:PutObject on shared/team-a/*")
	denied.Store(http.MethodGet)
	_, err := b.Get(t.Context(), "k")
	storetest.WantError(t, err, store.Misconfigured, "s3:GetObject on shared/team-a/* and s3:ListBucket on shared for the prefix team-a/*")
	for _, err = range b.List(t.Context(), "") {
	}
	storetest.WantError(t, err, store.Misconfigured, "s3:ListBucket on shared for the prefix team-a/*")
}

// The policies that are shipped give what they say on a real server, and no more.
func TestShippedPolicies(t *testing.T) {
	t.Parallel()
	srv := miniotest.Start(t)
	for _, bucket := range []string{"policies", "other"} {
		all := open(t, srv.Config(bucket))
		for _, key := range []string{"team-a/k", "team-ab/k", "team-b/k"} {
			if err := all.Put(t.Context(), key, bytes.NewReader(nil), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	for policy, allowed := range map[string][]string{"policy.json": {"team-a/"}, "policy-whole-bucket.json": {"team-a/", "team-ab/", "team-b/", ""}} {
		keys := srv.Least(t, "policies", "team-a", policy)
		for _, of := range []string{"policies", "other"} {
			for _, prefix := range []string{"team-a/", "team-ab/", "team-b/", ""} {
				c := keys
				c.Bucket, c.Prefix = of, prefix
				b, err := s3.Connect(c)
				if err != nil {
					t.Fatal(err)
				}
				_, getErr := b.Get(t.Context(), map[bool]string{true: "team-a/k", false: "k"}[prefix == ""])
				var listErr error
				for _, listErr = range b.List(t.Context(), "") {
				}
				for right, err := range map[string]error{
					"put": b.Put(t.Context(), "new", bytes.NewReader(nil), 0), "create": b.Create(t.Context(), rand.Text(), nil), "get": getErr, "list": listErr,
				} {
					want := of == "policies" && (slices.Contains(allowed, prefix) || prefix == "" && right == "get")
					if got := err == nil; got != want {
						t.Errorf("%s: %s in %s/%s: %v", policy, right, of, prefix, err)
					}
				}
				b.Close()
			}
		}
		raw, err := minio.New(strings.TrimPrefix(srv.Endpoint, "http://"), &minio.Options{
			Creds: credentials.NewStaticV4(keys.AccessKey, string(keys.SecretKey), string(keys.SessionToken)), Region: "us-east-1",
		})
		if err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"delete an object": raw.RemoveObject(t.Context(), "policies", "team-a/k", minio.RemoveObjectOptions{}),
			"delete a bucket":  raw.RemoveBucket(t.Context(), "policies"),
			"make a bucket":    raw.MakeBucket(t.Context(), "new", minio.MakeBucketOptions{}),
		} {
			if minio.ToErrorResponse(err).Code != minio.AccessDenied {
				t.Errorf("%s lets one %s: %v", policy, what, err)
			}
		}
	}
}

// The policy of a collector's keys lets them remove below their prefix and nowhere else, on a
// real server; a run's keys may not, and are told what they lack.
func TestTheCollectorsPolicy(t *testing.T) {
	t.Parallel()
	srv := miniotest.Start(t)
	all := open(t, srv.Config("collected"))
	for _, key := range []string{"team-a/k", "team-ab/k", "k"} {
		if err := all.Put(t.Context(), key, bytes.NewReader(nil), 0); err != nil {
			t.Fatal(err)
		}
	}
	for policy, removes := range map[string]bool{"policy.json": false, "policy-gc.json": true} {
		for prefix, below := range map[string]bool{"team-ab": false, "": false, "team-a": true} {
			c := srv.Least(t, "collected", "team-a", policy)
			c.Prefix = prefix
			b, err := s3.Connect(c)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			err = b.Delete(t.Context(), "k")
			if removes && below {
				if _, absent := b.Stat(t.Context(), "k"); err != nil || !errors.Is(absent, store.ErrNotFound) {
					t.Errorf("%s: delete below the prefix: %v, %v", policy, err, absent)
				}
				continue
			}
			if e, ok := errors.AsType[*store.Error](err); !ok || !errors.Is(err, store.ErrDenied) || !strings.Contains(e.Fix, "s3:DeleteObject") {
				t.Errorf("%s: delete in %q: %v", policy, prefix, err)
			}
		}
		c := srv.Least(t, "collected", "team-a", policy)
		b, err := s3.Connect(c)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if _, err := b.Versioned(t.Context()); removes != (err == nil) {
			t.Errorf("%s: versions: %v", policy, err)
		}
		if err := b.Create(t.Context(), "gc/"+policy, nil); err != nil {
			t.Errorf("%s: create: %v", policy, err)
		}
	}
}

// The policy of a trainer's keys lets them read what an export is found by and hand
// a checkpoint in, on a real server: write no record and no blob, list and remove
// nothing.
func TestTheTrainersPolicy(t *testing.T) {
	t.Parallel()
	srv := miniotest.Start(t)
	all := open(t, srv.Config("policies"))
	read := []string{"runs/r-1/run.json", "runs/r-1/plan.json", "runs/r-1/steps/finetune-export/0.json", "blobs/sha256/aa/aa", "handin/r-1/agent/k"}
	closed := []string{"runs/r-1/seal.json", "runs/r-1/steps/generate/0.json", "runs/r-1/checkpoints/agent.json", "memo/k.json", "ledger/k", "exports/e/k", "check/k.json"}
	for _, key := range slices.Concat(read, closed) {
		for _, prefix := range []string{"team-a/", "team-b/"} {
			if err := all.Put(t.Context(), prefix+key, bytes.NewReader(nil), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	keys := srv.Least(t, "policies", "team-a", "policy-trainer.json")
	denied := func(what string, err error) {
		t.Helper()
		storetest.WantError(t, err, store.Misconfigured, "s3:")
		if err == nil {
			t.Errorf("a trainer may %s", what)
		}
	}
	for _, prefix := range []string{"team-a", "team-b"} {
		c := keys
		c.Prefix = prefix
		b, err := s3.Connect(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range slices.Concat(read, closed) {
			r, getErr := b.Get(t.Context(), key)
			if getErr == nil {
				r.Close()
			}
			if prefix == "team-a" && slices.Contains(read, key) {
				if getErr != nil {
					t.Errorf("a trainer may not get %s: %v", key, getErr)
				}
			} else {
				denied("get "+prefix+"/"+key, getErr)
			}
			put, create := b.Put(t.Context(), key, bytes.NewReader(nil), 0), b.Create(t.Context(), key+rand.Text(), nil)
			if prefix == "team-a" && strings.HasPrefix(key, "handin/") {
				if put != nil || create != nil {
					t.Errorf("a trainer may not put %s: %v, %v", key, put, create)
				}
			} else {
				denied("put "+prefix+"/"+key, put)
				denied("create beside "+prefix+"/"+key, create)
			}
		}
		for _, folder := range []string{"", "handin/", "runs/", "blobs/"} {
			var listErr error
			for _, listErr = range b.List(t.Context(), folder) {
			}
			denied("list "+folder, listErr)
		}
		b.Close()
	}
	raw, err := minio.New(strings.TrimPrefix(srv.Endpoint, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(keys.AccessKey, string(keys.SecretKey), string(keys.SessionToken)), Region: "us-east-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"team-a/handin/r-1/agent/k", "team-a/runs/r-1/run.json"} {
		if err := raw.RemoveObject(t.Context(), "policies", key, minio.RemoveObjectOptions{}); minio.ToErrorResponse(err).Code != minio.AccessDenied {
			t.Errorf("a trainer may remove %s: %v", key, err)
		}
	}
}

// A bucket that is absent, and that one may not make.
func TestABucketThatMayNotBeMade(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			answer(w, http.StatusForbidden, "AccessDenied")
			return
		}
		answer(w, http.StatusNotFound, "NoSuchBucket")
	}))
	t.Cleanup(srv.Close)
	_, err := s3.Open(t.Context(), s3.Config{Endpoint: srv.URL, Bucket: "b-1", Region: "us-east-1", AccessKey: "a", SecretKey: "b"})
	storetest.WantError(t, err, store.Misconfigured, "may not make it")
}

// Temporary keys work with the token that belongs to them, and not without it.
func TestTemporaryKeys(t *testing.T) {
	t.Parallel()
	srv := miniotest.Start(t)
	open(t, srv.Config("temporary"))
	c := srv.Least(t, "temporary", "", "policy-whole-bucket.json")
	if err := open(t, c).Put(t.Context(), "k", bytes.NewReader(nil), 0); err != nil {
		t.Error(err)
	}
	c.SessionToken = "another"
	_, err := s3.Open(t.Context(), c)
	storetest.WantError(t, err, store.Misconfigured, "session token")
}

// A pod's web identity is changed for keys, where no keys are given.
func TestWebIdentity(t *testing.T) {
	srv := miniotest.Start(t)
	token := t.TempDir() + "/token"
	if err := os.WriteFile(token, []byte("who I am"), 0o600); err != nil {
		t.Fatal(err)
	}
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("WebIdentityToken") != "who I am" || r.FormValue("RoleArn") != "arn:aws:iam::1:role/r" {
			t.Errorf("asked with %v", r.Form)
		}
		w.Header().Set("Content-Type", "application/xml")
		_, _ = w.Write([]byte(`<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>` +
			srv.AccessKey + `</AccessKeyId><SecretAccessKey>` + string(srv.SecretKey) + `</SecretAccessKey><Expiration>` +
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`))
	}))
	t.Cleanup(sts.Close)
	t.Setenv("HOME", t.TempDir())
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
	c := srv.Config("web-identity")
	c.AccessKey, c.SecretKey, c.STS = "", "", sts.URL
	if err := open(t, c).Put(t.Context(), "k", bytes.NewReader(nil), 0); err != nil {
		t.Error(err)
	}
}

// A real server says what it is, and notices damage on the way.
func TestWhatAServerSays(t *testing.T) {
	t.Parallel()
	b := open(t, miniotest.Start(t).Config("says"))
	versioned, err := b.Versioned(t.Context())
	if err != nil || versioned {
		t.Errorf("versioned: %v, %v", versioned, err)
	}
	if lock, err := b.Locked(t.Context()); err != nil || lock != "" {
		t.Errorf("locked: %q, %v", lock, err)
	}
	if noticed, err := b.PutAltered(t.Context(), "k"); err != nil || !noticed {
		t.Errorf("damage: %v, %v", noticed, err)
	}
	if at := b.Date(); time.Since(at).Abs() > time.Minute {
		t.Errorf("its clock: %v", at)
	}
}
