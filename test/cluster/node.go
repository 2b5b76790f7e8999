//go:build e2e && linux

package cluster

import (
	"context"
	"fmt"
	"time"
)

// runtimeConfig takes the scratch folder and the pause image; no OOM score may drop below ours, for that needs CAP_SYS_RESOURCE.
const runtimeConfig = `version = 2
root = "%[1]s/containerd"
state = "%[1]s/c"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
address = "%[1]s/c.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "%[2]s"
disable_apparmor = true
restrict_oom_score_adj = true
disable_hugetlb_controller = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "%[1]s/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
`

const podNetwork = `{"cniVersion": "0.4.0", "name": "pods", "plugins": [{
  "type": "ptp",
  "ipam": {"type": "host-local", "dataDir": "%s/ipam", "ranges": [[{"subnet": "%s"}]], "routes": [{"dst": "0.0.0.0/0"}]}
}]}
`

// kubeletConfig sets protectKernelDefaults so that kubelet fails rather than change a setting of the whole machine.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[2]s
authentication:
  anonymous: {enabled: false}
  x509: {clientCAFile: %[1]s/pki/ca.crt}
tlsCertFile: %[1]s/pki/kubelet-server.crt
tlsPrivateKeyFile: %[1]s/pki/kubelet-server.key
containerRuntimeEndpoint: unix://%[1]s/c.sock
resolvConf: %[1]s/resolv.conf
podLogsDir: %[1]s/logs/pods
volumePluginDir: %[1]s/kubelet/volume-plugins
cgroupDriver: cgroupfs
cgroupRoot: /%[3]s
enforceNodeAllocatable: []
evictionHard: {}
imageGCHighThresholdPercent: 100
failSwapOn: false
makeIPTablesUtilChains: false
protectKernelDefaults: true
oomScoreAdj: 0
`

func (c *Cluster) startContainerd(ctx context.Context) error {
	if err := c.write("containerd.toml", fmt.Sprintf(runtimeConfig, c.o.Dir, PauseImage)); err != nil {
		return err
	}
	if err := c.write("cni/10-pods.conflist", fmt.Sprintf(podNetwork, c.o.Dir, PodSubnet)); err != nil {
		return err
	}
	if err := c.keep("containerd", "containerd", "--config="+c.path("containerd.toml")); err != nil {
		return err
	}
	return await(ctx, time.Minute, func(ctx context.Context) error {
		return c.ctr(ctx, "version")
	}, c.daemons...)
}

func (c *Cluster) startKubelet(context.Context) error {
	// Pods get a resolver that refuses at once; they reach the host by its address.
	if err := c.write("resolv.conf", "nameserver 127.0.0.1\n"); err != nil {
		return err
	}
	if err := c.write("kubelet.yaml", fmt.Sprintf(kubeletConfig, c.o.Dir, Host, c.cgroup)); err != nil {
		return err
	}
	return c.keep("kubelet", c.kubernetes("kubelet"),
		"--config="+c.path("kubelet.yaml"),
		"--kubeconfig="+c.path("pki", "kubelet.kubeconfig"),
		"--root-dir="+c.path("kubelet"), "--cert-dir="+c.path("pki"),
		"--hostname-override="+NodeName, "--node-ip="+Host)
}

func (c *Cluster) ctr(ctx context.Context, args ...string) error {
	return runTool(ctx, "ctr", append([]string{"-a", c.path("c.sock"), "-n", "k8s.io"}, args...)...)
}
