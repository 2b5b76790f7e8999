package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A Digest is sha256: and 64 hexadecimal digits.
type Digest string

func digestOf(data []byte) Digest { return Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(data))) }

// epoch is the time of everything in an archive.
var epoch = time.Unix(0, 0).UTC()

// image is what an archive is made from.
type image struct {
	name, arch     string
	binary, certs  []byte
	sbom, licences []byte // of the binary; nil: not in the image
}

// The types of https://github.com/opencontainers/image-spec, as far as they are used.
type (
	descriptor struct {
		MediaType   string            `json:"mediaType"`
		Digest      Digest            `json:"digest"`
		Size        int               `json:"size"`
		Platform    *platform         `json:"platform,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
	}
	platform struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
	}
	index struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}
	manifest struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}
	config struct {
		Created time.Time `json:"created"`
		platform
		Config process `json:"config"`
		RootFS rootFS  `json:"rootfs"`
	}
	process struct {
		User       string
		Env        []string
		Entrypoint []string
		WorkingDir string
	}
	rootFS struct {
		Type    string   `json:"type"`
		DiffIDs []Digest `json:"diff_ids"`
	}
)

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// entry is a file of a tar; a name that ends in a slash is a folder.
type entry struct {
	name string
	mode int64
	data []byte
}

// build returns the archive and its manifest's digest.
func build(im image) ([]byte, Digest, error) {
	// What seldom changes is a layer of its own, which nodes keep.
	layers := [][]entry{{
		{"etc/", 0o755, nil},
		{"etc/group", 0o644, []byte("gymline:x:65532:\n")},
		{"etc/passwd", 0o644, []byte("gymline:x:65532:65532:gymline:/tmp:/nologin\n")},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, im.certs},
		{"tmp/", 0o1777, nil},
	}, append([]entry{
		{"gymline", 0o755, im.binary},
	}, im.papers()...)}
	on := platform{Architecture: im.arch, OS: "linux"}
	c := config{
		Created:  epoch,
		platform: on,
		Config: process{
			User:       "65532:65532",
			Env:        []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
			Entrypoint: []string{"/gymline"},
			WorkingDir: "/",
		},
		RootFS: rootFS{Type: "layers"},
	}
	m := manifest{SchemaVersion: 2, MediaType: manifestType}
	blobs := blobs{}
	for _, l := range layers {
		plain, err := tarOf(l)
		if err != nil {
			return nil, "", err
		}
		packed, err := gzipOf(plain)
		if err != nil {
			return nil, "", err
		}
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digestOf(plain))
		m.Layers = append(m.Layers, blobs.add(layerType, packed))
	}
	var err error
	if m.Config, err = blobs.addJSON(configType, c); err != nil {
		return nil, "", err
	}
	top, err := blobs.addJSON(manifestType, m)
	if err != nil {
		return nil, "", err
	}
	top.Platform = &on
	top.Annotations = map[string]string{
		"io.containerd.image.name":          im.name, // what containerd calls it, the whole reference
		"org.opencontainers.image.ref.name": tagOf(im.name),
	}
	list, err := json.Marshal(index{SchemaVersion: 2, MediaType: indexType, Manifests: []descriptor{top}})
	if err != nil {
		return nil, "", err
	}
	entries := []entry{
		{"oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", 0o644, list},
		{"blobs/", 0o755, nil},
		{"blobs/sha256/", 0o755, nil},
	}
	archive, err := tarOf(append(entries, blobs...))
	return archive, top.Digest, err
}

// papers go with the binary, where scanners and lawyers look for them.
func (im image) papers() []entry {
	if im.sbom == nil && im.licences == nil {
		return nil
	}
	list := []entry{{"usr/", 0o755, nil}, {"usr/share/", 0o755, nil}, {"usr/share/doc/", 0o755, nil}, {"usr/share/doc/gymline/", 0o755, nil}}
	if im.licences != nil {
		list = append(list, entry{"usr/share/doc/gymline/licences.txt", 0o644, im.licences})
	}
	if im.sbom != nil {
		list = append(list, entry{"usr/share/doc/gymline/sbom.cdx.json", 0o644, im.sbom})
	}
	return list
}

// blobs are the content-addressed files of an archive.
type blobs []entry

func (b *blobs) add(mediaType string, data []byte) descriptor {
	digest := digestOf(data)
	*b = append(*b, entry{"blobs/sha256/" + strings.TrimPrefix(string(digest), "sha256:"), 0o644, data})
	return descriptor{MediaType: mediaType, Digest: digest, Size: len(data)}
}

func (b *blobs) addJSON(mediaType string, v any) (descriptor, error) {
	data, err := json.Marshal(v)
	return b.add(mediaType, data), err
}

// tagOf returns the tag of a reference, latest unless it has one.
func tagOf(name string) string {
	last := name[strings.LastIndex(name, "/")+1:] // a colon before it is a port
	if _, tag, ok := strings.Cut(last, ":"); ok {
		return tag
	}
	return "latest"
}

// tarOf packs entries in their order, owned by root and made at the epoch.
func tarOf(entries []entry) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.data)), ModTime: epoch, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if strings.HasSuffix(e.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// gzipOf compresses without a name or a time in the header.
func gzipOf(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
