//go:build e2e && linux

// Package cluster is a single-node Kubernetes cluster of real binaries that lives and dies inside private namespaces.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	// Host is the one address of the host that pods can reach; it lies in the benchmark range of RFC 2544.
	Host = "198.18.255.1"
	// PodSubnet is where pods get their addresses, from the other end of the same range.
	PodSubnet = "198.18.0.0/24"
	// NodeName is the only node.
	NodeName = "gymline"
	// PauseImage holds each pod's namespaces open.
	PauseImage = "local.test/pause:1"
	// ExecutorImage is Argo's executor, built from the pinned module.
	ExecutorImage = "local.test/argoexec:v3.7.18"
)

// Options says where a cluster finds its binaries and keeps its state.
type Options struct {
	// Bin is the folder with kubernetes/, argo/ and minio.
	Bin string
	// Dir is an existing empty scratch folder; its path must be short, for it holds Unix sockets.
	Dir string
	// Log gets one line per step; nil drops them.
	Log func(format string, args ...any)
}

// Cluster is a running cluster; Close ends it.
type Cluster struct {
	// Kubeconfig is the path of the administrator's kubeconfig.
	Kubeconfig string
	// Endpoint, AccessKey and SecretKey open MinIO once StartMinIO has returned.
	Endpoint, AccessKey, SecretKey string
	// ControllerAccount is the service account whose rights StartArgo gives the controller; set it to test a Role.
	ControllerAccount string

	o       Options
	cgroup  string
	daemons []*daemon
	minio   *daemon
	argo    *daemon
}

// Start brings up a cluster whose node is ready, with the executor's image and Argo's CRDs, but without MinIO or Argo's controller.
func Start(ctx context.Context, o Options) (_ *Cluster, err error) {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if err := checkPrivate(); err != nil {
		return nil, err
	}
	for name, dir := range map[string]*string{"bin": &o.Bin, "scratch": &o.Dir} {
		if *dir, err = filepath.Abs(*dir); err != nil {
			return nil, fmt.Errorf("finding the %s folder: %w", name, err)
		}
	}
	// A Unix socket's path has at most 107 bytes, and kubelet appends up to 60.
	if len(o.Dir) > 40 {
		return nil, fmt.Errorf("scratch folder %s: the path is longer than 40 bytes, too long for Unix sockets", o.Dir)
	}
	c := &Cluster{
		Kubeconfig: filepath.Join(o.Dir, "kubeconfig"),
		Endpoint:   "http://" + Host + ":9000",
		AccessKey:  "e2e-" + randomHex(8),
		SecretKey:  randomHex(20),
		o:          o,
		cgroup:     cgroupPrefix + randomHex(4),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	began := time.Now()
	for _, step := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"private mounts", c.mountPrivate},
		{"host address", c.addHostAddress},
		{"cgroups", c.makeCgroups},
		{"certificates", c.writeCertificates},
		{"etcd and API server", c.startAPIServer},
		{"container runtime", c.startContainerd},
		{"built-in images", c.importBuiltin},
		{"API server's readiness", c.awaitAPIServer},
		{"controllers, scheduler and node", c.startNode},
		{"Argo's CRDs", c.applyCRDs},
		{"node's readiness", c.awaitNode},
	} {
		if err := step.run(ctx); err != nil {
			return nil, fmt.Errorf("starting the cluster: %s: %w", step.what, err)
		}
		o.Log("cluster: %s after %.1f s", step.what, time.Since(began).Seconds())
	}
	return c, nil
}

// Close ends every process and removes what the cluster left in the kernel; the scratch folder stays, for its logs.
func (c *Cluster) Close() error {
	errs := []error{c.StopArgo(), c.StopMinIO()}
	// In reverse, so that kubelet cannot restart what is being ended; containers outlive their runtime.
	for i := len(c.daemons) - 1; i >= 0; i-- {
		errs = append(errs, c.daemons[i].stop(stopGrace))
	}
	c.daemons = nil
	errs = append(errs, c.killContainers(), c.killShims(), c.unmount(), removeCgroup(c.cgroup), dropHostAddress())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the cluster: %w", err)
	}
	return nil
}

func (c *Cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.o.Dir}, elem...)...)
}

func (c *Cluster) write(name, text string) error {
	path := c.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
