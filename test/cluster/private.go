//go:build e2e && linux

package cluster

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// NamespaceEnv is the variable by which a caller promises that it has unshared the namespaces.
const NamespaceEnv = "GYMLINE_E2E_NAMESPACE"

const howToRun = "run the test binary as: " + NamespaceEnv +
	"=1 unshare --pid --net --mount --fork --kill-child --mount-proc -- sh -c 'BINARY; exit $?'"

// hidden folders are where container tools write whatever they are told; a private tmpfs covers each.
var hidden = []string{"/run", "/var/lib", "/var/log"}

// tuned are kernel settings of the whole machine that kubelet would change; it reads its wish from a covered file instead.
var tuned = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// checkPrivate fails unless nothing started here can outlive the process namespace or be reached from outside it.
func checkPrivate() error {
	refuse := func(why string) error {
		return fmt.Errorf("a cluster starts only in private namespaces: %s; %s", why, howToRun)
	}
	if os.Getenv(NamespaceEnv) != "1" {
		return refuse(NamespaceEnv + " is not 1")
	}
	if os.Getpid() != 1 && os.Getppid() != 1 {
		return refuse("neither this process nor its parent is process 1")
	}
	for _, ns := range []string{"pid", "net", "mnt"} {
		ours, err := os.Readlink("/proc/self/ns/" + ns)
		if err != nil {
			return refuse(err.Error())
		}
		if first, err := os.Readlink("/proc/1/ns/" + ns); err != nil || first != ours {
			return refuse("process 1 is in another " + ns + " namespace")
		}
	}
	links, err := net.Interfaces()
	if err != nil {
		return refuse(err.Error())
	}
	for _, l := range links {
		// A pod's veth may be left for a moment after an earlier cluster was closed.
		if l.Name != "lo" && !strings.HasPrefix(l.Name, "veth") {
			return refuse("the network namespace has the interface " + l.Name)
		}
	}
	return nil
}

func (c *Cluster) mountPrivate(context.Context) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	for _, dir := range hidden {
		if strings.HasPrefix(c.o.Dir, dir+"/") {
			return fmt.Errorf("scratch folder %s lies in %s, which the cluster covers", c.o.Dir, dir)
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
			return fmt.Errorf("covering %s: %w", dir, err)
		}
	}
	for name, value := range tuned {
		if err := c.write("sysctl/"+name, value+"\n"); err != nil {
			return err
		}
		if err := unix.Mount(c.path("sysctl", name), "/proc/sys/"+name, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("covering the kernel setting %s: %w", name, err)
		}
	}
	return nil
}

// unmount takes away what mountPrivate and the container runtime have mounted, newest first.
func (c *Cluster) unmount() error {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("listing mounts: %w", err)
	}
	var points []string
	for lines := bufio.NewScanner(bytes.NewReader(info)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) > 4 && c.isOurs(f[3], f[4]) {
			points = append(points, f[4])
		}
	}
	var errs []error
	for _, p := range slices.Backward(points) {
		if err := unix.Unmount(p, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("unmounting %s: %w", p, err))
		}
	}
	return errors.Join(errs...)
}

func (c *Cluster) isOurs(root, point string) bool {
	if strings.HasPrefix(point, c.o.Dir+"/") || strings.HasPrefix(root, c.o.Dir+"/") {
		return true
	}
	return slices.ContainsFunc(hidden, func(dir string) bool {
		return point == dir || strings.HasPrefix(point, dir+"/")
	})
}

func (c *Cluster) addHostAddress(ctx context.Context) error {
	if err := runTool(ctx, "ip", "link", "set", "lo", "up"); err != nil {
		return err
	}
	return runTool(ctx, "ip", "addr", "replace", Host+"/32", "dev", "lo")
}

func dropHostAddress() error {
	out, err := exec.Command("ip", "addr", "show", "dev", "lo").Output()
	if err != nil || !bytes.Contains(out, []byte(Host)) {
		return err
	}
	return runTool(context.Background(), "ip", "addr", "del", Host+"/32", "dev", "lo")
}

func runTool(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
