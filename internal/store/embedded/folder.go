package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// What lies in a store's folder.
const (
	objects  = "objects" // the objects, as plain files at their keys
	uploads  = "uploads" // uploads under way; what a crash left here is removed
	lockFile = "lock"
)

// folder is the gateway's backend for one bucket. An upload is written beside
// the objects, synced and renamed into place, so that an object is whole or
// absent after a crash at any point. It stands in for the gateway's own posix
// backend, which moves the whole process into the folder, needs extended
// attributes, and copies in place when a rename fails, as on a full disk.
type folder struct {
	backend.BackendUnsupported
	root *os.Root
	next atomic.Uint64 // names uploads
	// publish makes "absent, then renamed" one step. One process writes to the
	// folder, because it holds the lock file.
	publish sync.Mutex
}

func (f *folder) String() string { return "gymline" }

func (f *folder) Shutdown() {} // the server closes root, after its last request

func (f *folder) bucket(name *string) error {
	if name == nil || *name != Bucket {
		return s3err.GetAPIError(s3err.ErrNoSuchBucket)
	}
	return nil
}

// path returns an object's file.
func (f *folder) path(bucket, key *string) (string, error) {
	if err := f.bucket(bucket); err != nil {
		return "", err
	}
	if key == nil || !fs.ValidPath(*key) || *key == "." {
		return "", s3err.GetAPIError(s3err.ErrInvalidURI)
	}
	return path.Join(objects, *key), nil
}

// HeadBucket says that the bucket exists.
func (f *folder) HeadBucket(_ context.Context, in *aws.HeadBucketInput) (*aws.HeadBucketOutput, error) {
	return &aws.HeadBucketOutput{}, f.bucket(in.Bucket)
}

// GetBucketAcl gives the bucket to the one account that there is.
func (f *folder) GetBucketAcl(_ context.Context, in *aws.GetBucketAclInput) ([]byte, error) {
	return nil, f.bucket(in.Bucket)
}

// GetObjectLockConfiguration says that nothing is locked.
func (f *folder) GetObjectLockConfiguration(context.Context, string) ([]byte, error) {
	return nil, s3err.GetAPIError(s3err.ErrObjectLockConfigurationNotFound)
}

// PutObject stores an object; with If-None-Match only where there is none.
func (f *folder) PutObject(_ context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	var none s3response.PutObjectOutput
	name, err := f.path(in.Bucket, in.Key)
	if err != nil {
		return none, err
	}
	if in.IfMatch != nil || in.IfNoneMatch != nil && *in.IfNoneMatch != "*" {
		return none, s3err.GetAPIError(s3err.ErrNotImplemented)
	}
	upload := path.Join(uploads, strconv.FormatUint(f.next.Add(1), 10))
	defer f.root.Remove(upload) // fails once it is renamed
	// A body is read to its end in any case: what is left of it would be taken
	// for the connection's next request.
	info, err := f.write(upload, in.Body)
	if err != nil {
		_, _ = io.Copy(io.Discard, in.Body)
		return none, failure(err)
	}
	size := info.Size()
	if in.ContentLength != nil && size != *in.ContentLength {
		return none, s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	if err := f.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return none, failure(err)
	}
	f.publish.Lock()
	defer f.publish.Unlock()
	if in.IfNoneMatch != nil {
		if _, err := f.root.Lstat(name); err == nil {
			return none, s3err.GetAPIError(s3err.ErrPreconditionFailed)
		}
	}
	if err := f.root.Rename(upload, name); err != nil {
		return none, failure(err)
	}
	return s3response.PutObjectOutput{ETag: etag(size, info.ModTime()), Size: &size}, nil
}

// write stores and syncs a body. The gateway's reader has checked its length,
// signature and checksums when it ends without an error.
func (f *folder) write(name string, body io.Reader) (fs.FileInfo, error) {
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := io.Copy(file, body); err != nil {
		return nil, err
	}
	if err := file.Sync(); err != nil {
		return nil, err
	}
	return file.Stat()
}

// GetObject streams an object, or the part that a range names.
func (f *folder) GetObject(_ context.Context, in *aws.GetObjectInput) (*aws.GetObjectOutput, error) {
	name, err := f.path(in.Bucket, in.Key)
	if err != nil {
		return nil, err
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, failure(err)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		file.Close()
		return nil, failure(err)
	}
	size, modified, tag := info.Size(), info.ModTime(), etag(info.Size(), info.ModTime())
	out := &aws.GetObjectOutput{Body: file, ContentLength: &size, LastModified: &modified, ETag: &tag}
	if start, length, ok, err := backend.ParseObjectRange(size, deref(in.Range)); err != nil {
		file.Close()
		return nil, err
	} else if ok {
		span := fmt.Sprintf("bytes %d-%d/%d", start, start+length-1, size)
		out.ContentLength, out.ContentRange = &length, &span
		out.Body = section{io.NewSectionReader(file, start, length), file}
	}
	return out, nil
}

// A section is a part of a file.
type section struct {
	io.Reader
	io.Closer
}

// HeadObject returns an object's size.
func (f *folder) HeadObject(_ context.Context, in *aws.HeadObjectInput) (*aws.HeadObjectOutput, error) {
	name, err := f.path(in.Bucket, in.Key)
	if err != nil {
		return nil, err
	}
	info, err := f.root.Stat(name)
	if err == nil && info.IsDir() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, failure(err)
	}
	size, modified, tag := info.Size(), info.ModTime(), etag(info.Size(), info.ModTime())
	return &aws.HeadObjectOutput{ContentLength: &size, LastModified: &modified, ETag: &tag}, nil
}

// ListObjectsV2 lists a page of keys in ascending byte order.
func (f *folder) ListObjectsV2(ctx context.Context, in *aws.ListObjectsV2Input) (s3response.ListObjectsV2Result, error) {
	var none s3response.ListObjectsV2Result
	if err := f.bucket(in.Bucket); err != nil {
		return none, err
	}
	tree, err := fs.Sub(f.root.FS(), objects)
	if err != nil {
		return none, failure(err)
	}
	after := max(deref(in.StartAfter), deref(in.ContinuationToken))
	page, err := backend.Walk(ctx, tree, deref(in.Prefix), deref(in.Delimiter), after, deref(in.MaxKeys), listed, nil)
	if err != nil {
		return none, failure(err)
	}
	count := int32(len(page.Objects) + len(page.CommonPrefixes))
	return s3response.ListObjectsV2Result{
		Name: in.Bucket, Prefix: in.Prefix, Delimiter: in.Delimiter, MaxKeys: in.MaxKeys, StartAfter: in.StartAfter,
		ContinuationToken: in.ContinuationToken, NextContinuationToken: &page.NextMarker, IsTruncated: &page.Truncated,
		Contents: page.Objects, CommonPrefixes: page.CommonPrefixes, KeyCount: &count,
	}, nil
}

func listed(key string, d fs.DirEntry) (s3response.Object, error) {
	info, err := d.Info()
	if errors.Is(err, fs.ErrNotExist) || d.IsDir() {
		return s3response.Object{}, backend.ErrSkipObj
	}
	if err != nil {
		return s3response.Object{}, err
	}
	size, modified, tag := info.Size(), info.ModTime(), etag(info.Size(), info.ModTime())
	return s3response.Object{Key: &key, Size: &size, LastModified: &modified, ETag: &tag, StorageClass: types.ObjectStorageClassStandard}, nil
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// etag tells versions of an object apart, as web servers do for plain files.
func etag(size int64, modified time.Time) string {
	return fmt.Sprintf("\"%x-%x\"", size, modified.UnixNano())
}

// failure turns a file system's error into S3's. Anything else comes from a
// body that was cut short, or is a fault of this machine; the gateway would
// print it.
func failure(err error) error {
	if _, ok := errors.AsType[s3err.S3Error](err); ok {
		return err // the body's own
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s3err.GetAPIError(s3err.ErrNoSuchKey)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return s3err.GetAPIError(s3err.ErrNoSpaceLeftOnDevice)
	case errors.Is(err, syscall.ENOTDIR):
		return s3err.GetAPIError(s3err.ErrObjectParentIsFile)
	case errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.EEXIST), errors.Is(err, syscall.ENOTEMPTY):
		return s3err.GetAPIError(s3err.ErrExistingObjectIsDirectory)
	case errors.Is(err, syscall.ENAMETOOLONG):
		return s3err.GetAPIError(s3err.ErrKeyTooLong)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return s3err.APIError{Code: "InternalError", Description: err.Error(), HTTPStatusCode: http.StatusInternalServerError}
}
