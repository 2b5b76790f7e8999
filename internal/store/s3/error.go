package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/gymline/gymline/internal/store"
)

// code returns the S3 error code of a server's answer, or "".
func code(err error) string {
	e, _ := errors.AsType[minio.ErrorResponse](err)
	return e.Code
}

// failure turns the client's error into what store.Bucket promises. key is ""
// for the bucket itself.
func (b *Bucket) failure(ctx context.Context, op, key string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("store: %s %s: %w", op, key, ctx.Err())
	}
	if c := code(err); key != "" && (c == minio.NoSuchKey || c == "NotFound") {
		return fmt.Errorf("store: %s %s: %w", op, key, store.ErrNotFound)
	}
	if key == "" {
		key = "bucket " + b.name
	}
	e := &store.Error{Op: op, Key: key, Err: err}
	if bad, ok := errors.AsType[refusal](err); ok {
		e.Kind, e.Err = store.Refused, bad.error
	} else if answer, ok := errors.AsType[minio.ErrorResponse](err); ok {
		e.Kind, e.Fix = b.answered(op, answer)
		e.Denied = answer.Code == minio.AccessDenied
		e.Err = fmt.Errorf("%s (HTTP status %d): %w", answer.Code, answer.StatusCode, err)
	} else {
		e.Kind, e.Fix = b.unanswered(err)
	}
	return e
}

// A refusal is a request that was not sent, because its body cannot be read.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// answered classifies a server's answer by its code, then by its status.
func (b *Bucket) answered(op string, e minio.ErrorResponse) (store.Kind, string) {
	switch e.Code {
	case minio.AccessDenied:
		return store.Misconfigured, b.lacking(op)
	case "ExpiredToken", "ExpiredTokenException":
		return store.Misconfigured, "the store's temporary keys have expired: get new ones, with their session token, and run again; what was done is kept"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidTokenId",
		"AccountProblem", "AllAccessDisabled", "UnauthorizedAccess", "NotSignedUp",
		"XAdminUserNotFound": // versitygw's InvalidAccessKeyId
		return store.Misconfigured, fmt.Sprintf("check the store's access key and secret key for bucket %q at %s, and, where they are temporary, the session token that belongs to them", b.name, b.endpoint)
	case minio.NoSuchBucket, "InvalidBucketName", "BucketAlreadyExists", "PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidRegion", "IllegalLocationConstraintException":
		return store.Misconfigured, fmt.Sprintf("check the name and region of bucket %q at %s, or make it first", b.name, b.endpoint)
	case "RequestTimeTooSkewed", "XMinioClockSkew":
		return store.Misconfigured, "set this machine's clock: it differs too much from the server's"
	case "XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded":
		return store.Transient, fmt.Sprintf("the disk of the store at %s is full or at its quota: free space there and run again; what was committed is kept", b.endpoint)
	}
	switch {
	case e.StatusCode == http.StatusNotImplemented:
		return store.Refused, fmt.Sprintf("the server at %s lacks what gymline needs: use MinIO, versitygw, AWS or another S3 server that does", b.endpoint)
	case e.StatusCode == http.StatusInsufficientStorage:
		return store.Transient, fmt.Sprintf("the disk of the store at %s is full: free space there and run again; what was committed is kept", b.endpoint)
	case e.StatusCode == http.StatusUnauthorized, e.StatusCode == http.StatusForbidden:
		return store.Misconfigured, b.lacking(op)
	case e.StatusCode >= 500, e.StatusCode == http.StatusTooManyRequests, e.StatusCode == http.StatusRequestTimeout, e.StatusCode == http.StatusConflict:
		return store.Transient, fmt.Sprintf("the server at %s failed or is overloaded: look at its log, and run again", b.endpoint)
	}
	return store.Refused, ""
}

// lacking names the right that an operation needs.
func (b *Bucket) lacking(op string) string {
	objects := fmt.Sprintf("%s/%s*", b.name, b.prefix)
	listing := fmt.Sprintf("s3:ListBucket on %s", b.name)
	if b.prefix != "" {
		listing += fmt.Sprintf(" for the prefix %s*", b.prefix)
	}
	switch op {
	case "put", "create":
		return fmt.Sprintf("check the store's access key and secret key, and that they may s3:PutObject on %s", objects)
	case "list":
		return fmt.Sprintf("check the store's access key and secret key, and that they may %s", listing)
	case "get", "stat": // a server says the same of what is absent, unless one may list
		return fmt.Sprintf("check the store's access key and secret key, and that they may s3:GetObject on %s and %s", objects, listing)
	case "delete":
		return fmt.Sprintf("removing takes keys that may s3:DeleteObject on %s, which no run needs: see docs/store.md", objects)
	case "make":
		return fmt.Sprintf("there is no bucket %q at %s, and the store's keys may not make it (s3:CreateBucket): make it, or correct its name", b.name, b.endpoint)
	case askVersioning:
		return fmt.Sprintf("the store's keys would need s3:GetBucketVersioning on %s; a run does not", b.name)
	case askLock:
		return fmt.Sprintf("the store's keys would need s3:GetBucketObjectLockConfiguration on %s; a run does not", b.name)
	}
	return fmt.Sprintf("check the store's access key and secret key for bucket %q at %s", b.name, b.endpoint)
}

// unanswered classifies a request that got no answer, or half of one.
func (b *Bucket) unanswered(err error) (store.Kind, string) {
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return store.Misconfigured, fmt.Sprintf("check the store's endpoint %s: its host is not known", b.endpoint)
	}
	if wrongTLS(err) {
		return store.Misconfigured, fmt.Sprintf("check the store's endpoint %s: http or https, and whether this machine trusts its certificate (SSL_CERT_FILE)", b.endpoint)
	}
	return store.Transient, fmt.Sprintf("check that the store's server runs and answers at %s, and run again", b.endpoint)
}

func wrongTLS(err error) bool {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	return untrusted || plain || errors.Is(err, http.ErrSchemeMismatch)
}
