//go:build e2e && linux

package cluster

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Image is a container image of a few programs and nothing else.
type Image struct {
	// Name is the full reference, e.g. local.test/pause:1.
	Name string
	// Programs maps a path in the image, such as bin/pause, to a static binary on this machine.
	Programs   map[string]string
	Entrypoint []string
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Platform    map[string]string `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Write writes the image as an OCI archive with one uncompressed layer.
func (im Image) Write(file string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing image %s: %w", im.Name, err)
		}
	}()
	layer, digest, size, err := im.layer(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer os.Remove(layer.Name())
	defer layer.Close()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()

	archive := tar.NewWriter(out)
	blob := func(media string, v any) descriptor {
		text, _ := json.Marshal(v)
		d := descriptor{MediaType: media, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(text)), Size: int64(len(text))}
		err = errors.Join(err, addBytes(archive, "blobs/sha256/"+d.Digest[7:], text))
		return d
	}
	platform := map[string]string{"os": "linux", "architecture": runtime.GOARCH}
	config := blob("application/vnd.oci.image.config.v1+json", map[string]any{
		"os": "linux", "architecture": runtime.GOARCH,
		"config": map[string]any{"Entrypoint": im.Entrypoint, "Env": []string{"PATH=/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest}},
	})
	manifest := blob("application/vnd.oci.image.manifest.v1+json", map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
		"layers": []descriptor{{MediaType: "application/vnd.oci.image.layer.v1.tar", Digest: digest, Size: size}},
	})
	manifest.Platform = platform
	manifest.Annotations = map[string]string{
		"io.containerd.image.name":          im.Name,
		"org.opencontainers.image.ref.name": im.Name[strings.LastIndex(im.Name, ":")+1:],
	}
	index, _ := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifest}})
	return errors.Join(err,
		addBytes(archive, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)),
		addBytes(archive, "index.json", index),
		addFile(archive, "blobs/sha256/"+digest[7:], layer, size),
		archive.Close())
}

// layer writes the file system to an unnamed place in dir, rewound to its start.
func (im Image) layer(dir string) (_ *os.File, digest string, size int64, err error) {
	out, err := os.CreateTemp(dir, "layer-*")
	if err != nil {
		return nil, "", 0, err
	}
	hash := sha256.New()
	archive := tar.NewWriter(io.MultiWriter(out, hash))
	made := map[string]bool{"tmp": true}
	err = archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777})
	var names []string
	for name := range im.Programs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if d := path.Dir(name); !made[d] {
			made[d] = true
			err = errors.Join(err, archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: d + "/", Mode: 0o755}))
		}
		err = errors.Join(err, addProgram(archive, name, im.Programs[name]))
	}
	err = errors.Join(err, archive.Close())
	if err == nil {
		size, err = out.Seek(0, io.SeekCurrent)
	}
	if err == nil {
		_, err = out.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, "", 0, errors.Join(err, out.Close(), os.Remove(out.Name()))
	}
	return out, fmt.Sprintf("sha256:%x", hash.Sum(nil)), size, nil
}

func addProgram(w *tar.Writer, name, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	return addFile(w, name, in, info.Size())
}

func addBytes(w *tar.Writer, name string, text []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
		return err
	}
	_, err := w.Write(text)
	return err
}

func addFile(w *tar.Writer, name string, in io.Reader, size int64) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(w, in)
	return err
}

// ImportImage loads an OCI archive into the node's image store.
func (c *Cluster) ImportImage(ctx context.Context, file string) error {
	return c.ctr(ctx, "images", "import", file)
}

// LoadImage writes an image and imports it.
func (c *Cluster) LoadImage(ctx context.Context, im Image) error {
	file := c.path("image.tar")
	defer os.Remove(file)
	if err := im.Write(file); err != nil {
		return err
	}
	return c.ImportImage(ctx, file)
}

// BuildStatic builds a Go package of the module as a static binary in the scratch folder and returns its path.
func (c *Cluster) BuildStatic(ctx context.Context, pkg string, flags ...string) (string, error) {
	out := c.path("built", path.Base(pkg))
	args := append(append([]string{"build", "-trimpath"}, flags...), "-o", out, pkg)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", pkg, err, text)
	}
	return out, nil
}

const module = "github.com/gymline/gymline"

func (c *Cluster) importBuiltin(ctx context.Context) error {
	pause, err := c.BuildStatic(ctx, module+"/test/cluster/pause", "-tags=e2e")
	if err != nil {
		return err
	}
	for _, im := range []Image{
		{Name: PauseImage, Programs: map[string]string{"bin/pause": pause}, Entrypoint: []string{"/bin/pause"}},
		{Name: ExecutorImage, Programs: map[string]string{"bin/argoexec": filepath.Join(c.o.Bin, "argo", "argoexec")}, Entrypoint: []string{"argoexec"}},
	} {
		if err := c.LoadImage(ctx, im); err != nil {
			return err
		}
	}
	return nil
}
