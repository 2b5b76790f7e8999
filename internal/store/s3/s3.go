// Package s3 keeps a store's bucket on an S3 server: MinIO, AWS or any other
// that honours conditional writes (If-None-Match). It is the only package that
// speaks S3.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/gymline/gymline/internal/store"
)

// A Config says where a bucket is and who asks for it.
type Config struct {
	Endpoint string // "http://host:port" or "https://host[:port]", without a path
	Bucket   string
	Prefix   string // put before every key, so that a bucket can be shared; "" for none
	Region   string // "" asks the server
	// AccessKey and SecretKey identify the caller, with SessionToken where they are
	// temporary. Without them the usual places are asked in turn: AWS_* in the
	// environment, the credential files of the AWS and MinIO clients, the web identity
	// or IAM role of the machine or pod.
	AccessKey    string
	SecretKey    Secret
	SessionToken Secret
	// STS is the URL where a web identity is changed for keys; "" is AWS's.
	STS string
}

// Timings of a server that does not answer: a connection that is refused fails
// within attempts × 1 s, one that is not answered within attempts × (dialTimeout + 1 s).
const (
	attempts    = 6 // of one request, with a jittered backoff of at most 1 s between them
	dialTimeout = 3 * time.Second
	roleTimeout = 5 * time.Second // to ask for an IAM role, which most machines lack
)

// A Bucket is a store.Bucket on an S3 server. It is safe for concurrent use.
type Bucket struct {
	client    *minio.Core
	once      *minio.Core // that sends no request again
	name      string
	prefix    string
	endpoint  string
	idle      func() // closes idle connections
	transport *transport
}

// Open opens a bucket for writing, and makes it unless it exists. Keys that may use
// only their prefix of it will do. Its errors are *store.Error of kind Misconfigured
// or Transient, with a Fix.
func Open(ctx context.Context, c Config) (*Bucket, error) {
	return opened(c, func(b *Bucket) error { return b.ensure(ctx, c.Region) })
}

// OpenExisting opens a bucket that is there, and makes none.
func OpenExisting(ctx context.Context, c Config) (*Bucket, error) {
	return opened(c, func(b *Bucket) error {
		there, err := b.exists(ctx)
		if err == nil && !there {
			err = &store.Error{Op: "open", Key: "bucket " + b.name, Kind: store.Misconfigured, Err: errors.New("there is no such bucket"),
				Fix: fmt.Sprintf("check the bucket's name, %q, at %s; the first 'gymline run' makes it", b.name, b.endpoint)}
		}
		return err
	})
}

func opened(c Config, ready func(*Bucket) error) (*Bucket, error) {
	b, err := Connect(c)
	if err != nil {
		return nil, err
	}
	if err := ready(b); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Connect prepares for requests to a bucket that somebody has opened before, and
// makes none itself.
func Connect(c Config) (*Bucket, error) {
	misconfigured := func(err error, fix string) error {
		return &store.Error{Op: "open", Key: c.Bucket, Kind: store.Misconfigured, Err: err, Fix: fix}
	}
	u, err := url.Parse(c.Endpoint)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil) {
		err = errors.New("not the URL of a server")
	}
	if err != nil {
		return nil, misconfigured(fmt.Errorf("endpoint %q: %w", redactUser(c.Endpoint), withoutURL(err)),
			"give the endpoint as http://host:port or https://host, without a path")
	}
	if err := s3utils.CheckValidBucketNameStrict(c.Bucket); err != nil {
		return nil, misconfigured(err, "give the bucket a name of 3 to 63 lower-case letters, digits, \".\" and \"-\"")
	}
	tr, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, err
	}
	tr.DialContext = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	tr.MaxIdleConnsPerHost = 64  // as many as a job has exchanges in flight
	tr.ResponseHeaderTimeout = 0 // stalls are seen wherever they come
	b := &Bucket{name: c.Bucket, endpoint: c.Endpoint, idle: tr.CloseIdleConnections, transport: &transport{Transport: tr}}
	options := minio.Options{
		Creds:      provider(c),
		Secure:     u.Scheme == "https",
		Transport:  b.transport,
		Region:     c.Region,
		MaxRetries: attempts,
	}
	b.client, err = minio.NewCore(u.Host, &options)
	if err == nil {
		options.MaxRetries = 1
		b.once, err = minio.NewCore(u.Host, &options)
	}
	if err != nil {
		return nil, misconfigured(err, "check the store's endpoint, region and keys")
	}
	if p := strings.Trim(c.Prefix, "/"); p != "" {
		b.prefix = p + "/"
	}
	return b, nil
}

// Close frees idle connections. The bucket can still be used.
func (b *Bucket) Close() { b.idle() }

// exists asks for the bucket. Who has rights on a prefix alone may not ask; whether
// the keys are good shows at the first request then.
func (b *Bucket) exists(ctx context.Context) (bool, error) {
	within, c := calling(ctx)
	defer c.end(nil)
	ok, err := b.client.BucketExists(within, b.name)
	if code(err) == minio.AccessDenied {
		return true, nil
	}
	return ok, b.failure(ctx, "open", "", c.failed(err))
}

// ensure makes the bucket; several processes may do so at once.
func (b *Bucket) ensure(ctx context.Context, region string) error {
	ok, err := b.exists(ctx)
	if err != nil || ok {
		return err
	}
	within, c := calling(ctx)
	defer c.end(nil)
	err = c.failed(b.client.MakeBucket(within, b.name, minio.MakeBucketOptions{Region: region}))
	if err != nil {
		if ok, again := b.client.BucketExists(ctx, b.name); again == nil && ok {
			return nil // another process was first
		}
	}
	return b.failure(ctx, "make", "", err)
}

// provider returns the given keys, or the chain of the usual places.
func provider(c Config) *credentials.Credentials {
	if c.AccessKey != "" || c.SecretKey != "" {
		return credentials.NewStaticV4(c.AccessKey, string(c.SecretKey), string(c.SessionToken))
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.FileAWSCredentials{},
		&credentials.FileMinioClient{},
		&credentials.IAM{Client: &http.Client{Timeout: roleTimeout}, Endpoint: c.STS, Region: c.Region},
	})
}

// withoutURL drops the text that a parser repeats, which may hold a password.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func redactUser(endpoint string) string {
	if i := strings.LastIndexByte(endpoint, '@'); i >= 0 {
		return redacted + endpoint[i:]
	}
	return endpoint
}
